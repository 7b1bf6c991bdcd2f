import type { UpstreamReply } from '@mcpgw/contracts';
import { metaOf, progressTokenOf } from './envelope.js';
import type { JsonObject, NotificationMessage, RequestId, ResponseMessage } from './json-rpc.js';

/** A request as it goes out, ready for JSON.stringify. */
export interface OutgoingRequest {
  readonly jsonrpc: '2.0';
  readonly id: number;
  readonly method: string;
  readonly params: JsonObject;
}

/**
 * The request under our own id. Ids and progress tokens of different callers may be equal, and one connection carries them
 * all: so the id is ours, and a progress token, when the caller asked for progress, becomes that id.
 */
export function outgoingRequest(id: number, method: string, params: JsonObject): OutgoingRequest {
  if (progressTokenOf(params) === undefined) return { jsonrpc: '2.0', id, method, params };
  return { jsonrpc: '2.0', id, method, params: { ...params, _meta: { ...metaOf(params), progressToken: id } } };
}

interface PendingCall<Context> {
  readonly context: Context;
  readonly progressToken: RequestId | undefined;
}

/** An event of a call, with the caller's own progress token. */
export interface CallEvent<Context> {
  readonly context: Context;
  readonly method: string;
  readonly params: Record<string, unknown>;
}

/** Which of our outgoing requests on one connection wait for an answer. Pure bookkeeping: time-outs are the owner's. */
export class PendingCalls<Context> {
  readonly #calls = new Map<number, PendingCall<Context>>();
  readonly #maxPending: number;
  #lastId = 0;

  constructor(limits: { readonly maxPending: number }) {
    this.#maxPending = limits.maxPending;
  }

  get size(): number {
    return this.#calls.size;
  }

  /** The request to send; undefined when as many as allowed wait already: refuse the call, nothing has run. */
  open(method: string, params: JsonObject, context: Context): OutgoingRequest | undefined {
    if (this.#calls.size >= this.#maxPending) return undefined;
    this.#lastId += 1;
    this.#calls.set(this.#lastId, { context, progressToken: progressTokenOf(params) });
    return outgoingRequest(this.#lastId, method, params);
  }

  /** The call that the response answers; undefined for an id that we never gave or that is settled or closed: drop it. */
  settle(response: ResponseMessage): { readonly context: Context; readonly reply: UpstreamReply } | undefined {
    const call = this.#take(response.id);
    return call === undefined ? undefined : { context: call.context, reply: response.reply as UpstreamReply };
  }

  /**
   * The call that a notification belongs to. Progress says so by its token. A log message carries nothing to tell by: it
   * belongs to `streamOf` when it came on the response stream of that request, else to the only call under way, else to none,
   * because a guess could show one caller what another did.
   */
  event(notification: NotificationMessage, streamOf?: number): CallEvent<Context> | undefined {
    const params = notification.params ?? {};
    if (notification.method === 'notifications/progress') {
      const token = params['progressToken'];
      const call = typeof token === 'number' ? this.#calls.get(token) : undefined;
      if (call?.progressToken === undefined) return undefined;
      return { context: call.context, method: notification.method, params: { ...params, progressToken: call.progressToken } };
    }
    if (notification.method !== 'notifications/message') return undefined;
    const only = this.#calls.size === 1 ? this.#calls.values().next().value : undefined;
    const call = streamOf === undefined ? only : this.#calls.get(streamOf);
    return call === undefined ? undefined : { context: call.context, method: notification.method, params };
  }

  /** Forgets a call that was cancelled or timed out; a late answer is dropped then. Ids are never used again. */
  close(id: number): Context | undefined {
    return this.#take(id)?.context;
  }

  /** Forgets all calls, because the connection is gone, and returns their contexts. */
  drain(): readonly Context[] {
    const contexts = [...this.#calls.values()].map((call) => call.context);
    this.#calls.clear();
    return contexts;
  }

  #take(id: RequestId | null): PendingCall<Context> | undefined {
    if (typeof id !== 'number') return undefined;
    const call = this.#calls.get(id);
    this.#calls.delete(id);
    return call;
  }
}
