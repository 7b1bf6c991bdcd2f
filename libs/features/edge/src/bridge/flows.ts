import { randomBytes } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import type { UpstreamClient, UpstreamReply } from '@mcpgw/contracts';
import { META_SERVER_INFO, progressTokenOf, type JsonObject, type RequestId } from '@mcpgw/core-mcp-wire';
import { CLOCK, HEALTH, type Clock, type Health } from '@mcpgw/platform-runtime';
import { Ending, type Arrival } from '../call-tool/ending.js';
import { Invoker, relay } from '../call-tool/invoker.js';
import type { RunningCall } from '../call-tool/running-calls.js';
import type { Trip } from '../call-tool/trip.js';
import { resultAnswer, type Answer } from '../http/answer.js';
import { SERVER_INFO } from '../requests/server-info.js';
import { Flow, type FlowKeeper, type RoundEnd, type Waiter } from './flow.js';
import { FlowTable } from './flow-table.js';
import { bindingOf, RequestStates, type FlowState } from './request-states.js';

/**
 * Of a subject one fewer than a server's session may have questions open (upstream/asks.ts): who leaves many unanswered can
 * still be asked, and the oldest of them gives way.
 */
const LIMITS = { max: 2_000, maxOfSubject: 15 };
/** A result that its client wasn't there to hear is kept up to this size. */
const MAX_KEPT_CHARACTERS = 262_144;

/** The client that comes back: who, for the answers of which round, and how to speak to it. */
export interface Returning {
  readonly state: Pick<FlowState, 'flow' | 'round'>;
  readonly subject: string;
  readonly responses: Readonly<Record<string, JsonObject>>;
  readonly waiter: Omit<Waiter, 'settle'>;
}

/**
 * Modern client, legacy server: what the server pushes becomes `input_required`, with the server's call held open meanwhile, by
 * the edge that made it. One call has one intent and one end, however many rounds it takes: the holder writes it when the
 * server's call is over.
 */
@Injectable()
export class Flows implements FlowKeeper {
  private readonly table = new FlowTable(LIMITS);
  readonly instance: string;

  constructor(
    private readonly invoker: Invoker,
    private readonly ending: Ending,
    private readonly states: RequestStates,
    @Inject(HEALTH) health: Health,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {
    this.instance = health.instance;
    health.detail('flows', () => this.table.size);
  }

  close(): void {
    this.table.clear();
  }

  /** The first request of a call during which its client may be asked. `translate` makes of the server's reply what the client may see. */
  async begin(trip: Trip, client: UpstreamClient, translate: (reply: UpstreamReply) => UpstreamReply): Promise<Answer> {
    const call = this.invoker.begin(trip);
    const flow = new Flow(trip, client.capabilities, call, this);
    const waiter = waiterOf(trip);
    const end = settled(flow, waiter);
    trip.exchange.whenGone(() => flow.leave(waiter.relay));
    void this.run(flow, call, client, translate);
    const ended = await end;
    const answer = this.rendered(flow, trip.id, ended);
    return 'asks' in ended ? this.ending.round(trip, answer) : answer;
  }

  /** `undefined`: no such flow of this subject waits here for the answers of this round. */
  async resume({ state, subject, responses, waiter }: Returning): Promise<Answer | undefined> {
    const flow = this.table.get(state.flow);
    if (!flow || flow.round !== state.round || flow.isAttended || flow.trip.admitted.subject !== subject) return undefined;
    if (flow.arrival) {
      this.table.remove(flow);
      return this.ending.repeat(flow.trip, flow.arrival, waiter.id);
    }
    const end = settled(flow, waiter);
    this.table.busy(flow);
    flow.answer(responses);
    return this.rendered(flow, waiter.id, await end);
  }

  leave(flow: string, relayName: string): void {
    this.table.get(flow)?.leave(relayName);
  }

  suspended(flow: Flow): void {
    this.table.wait(flow, this.clock.now());
  }

  ended(flow: Flow, arrival: Arrival, waiter: Waiter | undefined): void {
    // To a client that waits it is told by `rendered`, which also writes it down.
    if (waiter) return this.table.remove(flow);
    const { body = '' } = this.ending.end(flow.trip, arrival);
    if (body.length <= MAX_KEPT_CHARACTERS) this.table.keepEnd(flow);
    else this.table.remove(flow);
  }

  private async run(flow: Flow, call: RunningCall, client: UpstreamClient, translate: (reply: UpstreamReply) => UpstreamReply): Promise<void> {
    const arrival = await this.invoker
      .send(flow.trip, call.signal, { client, onAsk: flow.onAsk, onEvent: flow.onEvent })
      .then(translate)
      .catch((thrown: unknown) => ({ thrown }));
    call.end();
    flow.end(arrival);
  }

  private rendered(flow: Flow, id: RequestId, end: RoundEnd): Answer {
    const { trip } = flow;
    if ('arrival' in end) return this.ending.end(trip, end.arrival, id);
    const state = this.states.ofFlow(bindingOf(trip.admitted.subject, trip.method, trip.wanted), { instance: this.instance, flow: flow.id, round: end.round }, this.table.lifetimeMs);
    const result = { resultType: 'input_required', inputRequests: end.asks, requestState: state, _meta: { [META_SERVER_INFO]: SERVER_INFO } };
    return resultAnswer(id, JSON.stringify(result), trip.headers);
  }
}

/** Whoever waits on an exchange of this process. */
export function waiterOf({ exchange, admitted, id, params }: Pick<Trip, 'exchange' | 'admitted' | 'id' | 'params'>): Omit<Waiter, 'settle'> {
  return { relay: randomBytes(9).toString('base64url'), id, progressToken: progressTokenOf(params), onEvent: (method, event) => relay(exchange, admitted.envelope?.logLevel, method, event) };
}

function settled(flow: Flow, waiter: Omit<Waiter, 'settle'>): Promise<RoundEnd> {
  return new Promise((settle) => flow.attach({ ...waiter, settle }));
}
