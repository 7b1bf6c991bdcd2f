import type { JsonObject, RequestId } from '@mcpgw/core-mcp-wire';
import type { HttpReply } from '../gateway/endpoint.js';
import { pause, type EdgeLink } from './edge-link.js';
import type { LegacySession } from './legacy-session.js';
import { answers, messagesOf, TooLarge, withId, type StreamPlace } from './read-reply.js';

const FIRST_WAIT_MS = 200;
const LONGEST_WAIT_MS = 10_000;
/** Attempts in a row that brought nothing; with growing waits, more than a gateway needs to restart. */
const MOST_VAIN_ATTEMPTS = 10;

/** A request that waits for its answer. */
export interface Waiting {
  readonly id: RequestId;
  readonly abort: AbortController;
  readonly modern: boolean;
  cancelled: boolean;
}

/**
 * Passes on what comes with the reply to a request: progress, log messages, questions of the server, and last the answer. A
 * stream of a legacy session that ends before the answer is taken up where it broke, never by sending the request again.
 */
export class AnswerRelay {
  constructor(
    private readonly link: EdgeLink,
    private readonly session: LegacySession,
    private readonly write: (line: string) => Promise<void>,
  ) {}

  /** True once the request has its answer or needs none any more; false when the reply ended without one. */
  async relay(reply: HttpReply, request: Waiting, onAnswer: (answer: JsonObject) => void): Promise<boolean> {
    const place: StreamPlace = {};
    try {
      if (await this.pass(reply, place, request, onAnswer)) return true;
    } catch (error) {
      if (!resumable(error, place, request)) throw error;
    }
    return resumable(undefined, place, request) ? this.resume(place, request, onAnswer) : false;
  }

  private async pass(reply: HttpReply, place: StreamPlace, request: Waiting, onAnswer: (answer: JsonObject) => void): Promise<boolean> {
    for await (const relayed of messagesOf(reply, place)) {
      const isAnswer = answers(relayed, request.id);
      if (request.cancelled && isAnswer) return true;
      if (!isAnswer) {
        await this.write(relayed.line);
        continue;
      }
      onAnswer(relayed.message);
      await this.write(withId(relayed, request.id));
      return true;
    }
    return false;
  }

  private async resume(place: StreamPlace, request: Waiting, onAnswer: (answer: JsonObject) => void): Promise<boolean> {
    const { signal } = request.abort;
    for (let vain = 0; vain < MOST_VAIN_ATTEMPTS && !signal.aborted && !request.cancelled; vain++) {
      const from = place.lastEventId as string;
      await pause(Math.min(place.retryMs ?? FIRST_WAIT_MS * 2 ** vain, LONGEST_WAIT_MS), signal);
      try {
        const reply = await this.link.open({ ...this.session.headers(), 'last-event-id': from }, signal);
        if (reply.statusCode === 200) {
          if (await this.pass(reply, place, request, onAnswer)) return true;
          // A server may close and be asked again as often as it likes, as long as it moves on.
          if (place.lastEventId !== from) vain = -1;
        } else {
          await reply.body.dump();
          if (reply.statusCode < 500 && reply.statusCode !== 429) return false;
        }
      } catch (error) {
        if (!resumable(error, place, request)) throw error;
      }
    }
    return request.cancelled;
  }
}

/** What is no message, or too large, stays so. */
function resumable(error: unknown, place: StreamPlace, request: Waiting): boolean {
  return place.lastEventId !== undefined && !request.modern && !request.cancelled && !request.abort.signal.aborted && !(error instanceof SyntaxError) && !(error instanceof TooLarge);
}
