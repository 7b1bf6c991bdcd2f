import { Inject, Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { flowContinue, flowEvent, flowLeft, GatewayError, toGatewayError, type Rpc } from '@mcpgw/contracts';
import type { JsonObject } from '@mcpgw/core-mcp-wire';
import type { Bus, Subscription } from '@mcpgw/platform-bus';
import { BUS } from '@mcpgw/platform-runtime';
import { Invoker } from '../call-tool/invoker.js';
import type { Trip } from '../call-tool/trip.js';
import { errorAnswer, rpcErrorOf, type Answer } from '../http/answer.js';
import { Flows, waiterOf } from './flows.js';
import type { Waiter } from './flow.js';
import type { FlowState } from './request-states.js';

/** The request with which a client goes on: judged anew, and no call of its own. */
export type Return = Pick<Trip, 'exchange' | 'admitted' | 'id' | 'params' | 'key' | 'wanted'>;

type Continue = typeof flowContinue extends Rpc<infer Request> ? Request : never;

/** On top of the call's own time: the holder's answer that time is up says more than our own. */
const GRACE_MS = 5_000;

/** Leads clients that come back to the edge that holds their call. */
@Injectable()
export class FlowRoutes implements OnModuleInit, OnApplicationShutdown {
  private readonly relays = new Map<string, Waiter['onEvent']>();
  private subscriptions: Subscription[] = [];

  constructor(
    private readonly flows: Flows,
    private readonly invoker: Invoker,
    @Inject(BUS) private readonly bus: Bus,
  ) {}

  onModuleInit(): void {
    const here = { as: this.flows.instance };
    this.subscriptions = [
      this.bus.handle(flowContinue, (request) => this.serve(request), here),
      this.bus.subscribe(flowLeft, ({ flow, relay }) => this.flows.leave(flow, relay), here),
      this.bus.subscribe(flowEvent, ({ relay, method, params }) => this.relays.get(relay)?.(method, params), here),
    ];
  }

  async onApplicationShutdown(): Promise<void> {
    this.flows.close();
    await Promise.all(this.subscriptions.map((subscription) => subscription.close()));
  }

  /** `undefined`: nothing waits for this, here or anywhere. */
  async resume(back: Return, state: FlowState, responses: Readonly<Record<string, JsonObject>>): Promise<Answer | undefined> {
    const waiter = waiterOf(back);
    if (state.instance !== this.flows.instance) return this.resumeElsewhere(back, state, responses, waiter);
    back.exchange.expectDelay();
    back.exchange.whenGone(() => this.flows.leave(state.flow, waiter.relay));
    return this.flows.resume({ state, subject: back.admitted.subject, responses, waiter });
  }

  private async resumeElsewhere(back: Return, state: FlowState, responses: Readonly<Record<string, JsonObject>>, { relay, onEvent, progressToken }: Omit<Waiter, 'settle'>): Promise<Answer | undefined> {
    const { exchange, admitted, id, wanted } = back;
    const call = this.invoker.begin(back);
    this.relays.set(relay, onEvent);
    exchange.whenGone(() => {
      this.bus.publish(flowLeft, { flow: state.flow, relay }, { to: state.instance });
      call.abort();
    });
    const request = { flow: state.flow, round: state.round, subject: admitted.subject, id, responses: recordOf(responses), edge: this.flows.instance, relay, ...(progressToken === undefined ? {} : { progressToken }) };
    const timeoutMs = wanted.destination.server.config.callTimeoutSeconds * 1_000 + GRACE_MS;
    try {
      const { http, body } = await this.bus.request(flowContinue, request, { to: state.instance, timeoutMs, signal: call.signal });
      return { http, body, headers: {} };
    } catch (thrown) {
      const fault = toGatewayError(thrown);
      // Nobody answers: the holder is gone, and the server's call with it.
      if (fault.code === 'not_found' || fault.code === 'unavailable') return undefined;
      return errorAnswer(id, 200, rpcErrorOf(fault));
    } finally {
      this.relays.delete(relay);
      call.end();
    }
  }

  /** A client has come back to another edge. */
  private async serve({ flow, round, subject, id, responses, edge, relay, progressToken }: Continue): Promise<{ http: number; body: string }> {
    const onEvent: Waiter['onEvent'] = (method, params) => this.bus.publish(flowEvent, { relay, method, params }, { to: edge });
    const answer = await this.flows.resume({ state: { flow, round }, subject, responses, waiter: { relay, id, progressToken, onEvent } });
    if (!answer) throw new GatewayError('not_found', 'There is no such call waiting.');
    return { http: answer.http, body: answer.body ?? '' };
  }
}

function recordOf(responses: Readonly<Record<string, JsonObject>>): Record<string, Record<string, unknown>> {
  return Object.fromEntries(Object.entries(responses).map(([key, value]) => [key, { ...value }]));
}
