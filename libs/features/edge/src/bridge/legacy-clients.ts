import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { UpstreamClient, UpstreamReply } from '@mcpgw/contracts';
import { askForLegacy, canBeAsked, declinedAnswer, MISSING_CLIENT_CAPABILITY, NO_CAPABILITIES, readInputRequired, resultTypeOf, type Ask, type JsonObject } from '@mcpgw/core-mcp-wire';
import { Invoker } from '../call-tool/invoker.js';
import type { Trip } from '../call-tool/trip.js';
import { broken } from './modern-results.js';
import { Pushes } from './pushes.js';
import { isAskable, shownAsk } from './shown-ask.js';
import { TaskWaits, type Answers } from './task-waits.js';
import { pause } from './waiting.js';

/** Answers `input_required` in a row that one call may get. */
const MAX_ROUNDS = 16;
/** Before a server that asked nothing is asked again; doubled each time. */
const FIRST_PAUSE_MS = 50;
const MAX_PAUSE_MS = 2_000;

/** Calls of legacy clients, which are asked on the stream of their answer, whatever the era of the server that asks. */
@Injectable()
export class LegacyClients {
  constructor(
    private readonly invoker: Invoker,
    private readonly pushes: Pushes,
    private readonly tasks: TaskWaits,
  ) {}

  /** Legacy on both sides: what the server asks is asked on. */
  toLegacy(trip: Trip, client: UpstreamClient | undefined): Promise<UpstreamReply> {
    if (!client) return this.invoker.invoke(trip);
    return canBeAsked(client.capabilities) ? this.asked(trip, client) : this.invoker.invoke(trip, { client });
  }

  /**
   * The server's `input_required` becomes requests to the client, whose answers go back with the same call (MCP 2026-07-28,
   * basic/patterns/mrtr); its tasks are waited for. The client sees one call that takes a while.
   */
  async toModern(trip: Trip, client: UpstreamClient | undefined): Promise<UpstreamReply> {
    const call = this.invoker.begin(trip);
    trip.exchange.whenGone(call.abort);
    try {
      const reply = await this.untilSettled(trip, client, call.signal);
      if ('error' in reply) return reply.error.code === MISSING_CLIENT_CAPABILITY ? cannot(trip, 'the client does not support what this needs to ask it') : reply;
      const type = resultTypeOf(reply.result);
      if (type === 'task') return await this.tasks.until(trip, reply.result, client, call.signal, (result) => this.answers(trip, result, client, call.signal));
      if (type !== 'complete') throw broken(trip, 'its result is of a type that this client can not know');
      return reply;
    } finally {
      call.end();
    }
  }

  private async asked(trip: Trip, client: UpstreamClient): Promise<UpstreamReply> {
    const over = new AbortController();
    const asked = { exchange: trip.exchange, admitted: trip.admitted, capabilities: client.capabilities };
    try {
      return await this.invoker.invoke(trip, { client, onAsk: (method, params, withdrawn) => this.pushes.ask(asked, shownAsk(trip, { method, params }), [over.signal, withdrawn]) });
    } finally {
      over.abort();
    }
  }

  private async untilSettled(trip: Trip, client: UpstreamClient | undefined, signal: AbortSignal): Promise<UpstreamReply> {
    let reply = await this.invoker.send(trip, signal, { client });
    for (let round = 1; 'result' in reply && resultTypeOf(reply.result) === 'input_required'; round++) {
      if (round > MAX_ROUNDS) throw broken(trip, `it asked for more input ${MAX_ROUNDS} times in a row`);
      const { requestState } = reply.result;
      const answers = await this.answers(trip, reply.result, client, signal);
      if ('unanswered' in answers) return cannot(trip, answers.unanswered);
      const isAsked = Object.keys(answers.inputResponses).length > 0;
      if (!isAsked) await pause(Math.min(FIRST_PAUSE_MS * 2 ** (round - 1), MAX_PAUSE_MS), signal);
      reply = await this.invoker.send(trip, signal, { client, params: { ...trip.wanted.params, ...(isAsked ? answers : {}), ...(requestState === undefined ? {} : { requestState }) } });
    }
    return reply;
  }

  /** Puts all of a result's questions to the client at once. Throws `upstream_failed` for a result that can't be read. */
  private async answers(trip: Trip, result: JsonObject, client: UpstreamClient | undefined, signal: AbortSignal): Promise<Answers> {
    const read = readInputRequired(result);
    if (typeof read === 'string') throw broken(trip, read);
    const capabilities = client?.capabilities ?? NO_CAPABILITIES;
    for (const ask of read.asks.values()) if (!isAskable(capabilities, ask)) return { unanswered: `the client can not be asked for ${ask.method}` };
    const entries = await Promise.all([...read.asks].map(async ([key, ask]) => [key, await this.answer(trip, ask, capabilities, signal)] as const));
    const silent = entries.find(([, answer]) => answer === undefined);
    return silent ? { unanswered: 'the client gave no answer to what it was asked' } : { inputResponses: Object.fromEntries(entries) };
  }

  private async answer(trip: Trip, ask: Ask, capabilities: JsonObject, signal: AbortSignal): Promise<JsonObject | undefined> {
    const { exchange, admitted } = trip;
    const reply = await this.pushes.ask({ exchange, admitted, capabilities }, { method: ask.method, params: askForLegacy(shownAsk(trip, ask), randomUUID()) }, [signal]);
    return 'result' in reply ? reply.result : declinedAnswer(ask.method);
  }
}

/** What a legacy client can make sense of: of a tool a result that says what went wrong, of all else an error. */
function cannot({ method, wanted }: Pick<Trip, 'method' | 'wanted'>, why: string): UpstreamReply {
  const message = `The server "${wanted.destination.server.config.name}" needs more input for this, but ${why}.`;
  return method === 'tools/call' ? { result: { content: [{ type: 'text', text: message }], isError: true } } : { error: { code: -32603, message } };
}
