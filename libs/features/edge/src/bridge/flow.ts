import { randomBytes } from 'node:crypto';
import type { AskMethod, UpstreamReply } from '@mcpgw/contracts';
import { askForModern, isDeclaredAsk, type JsonObject, type RequestId } from '@mcpgw/core-mcp-wire';
import type { RunningCall } from '../call-tool/running-calls.js';
import type { Arrival } from '../call-tool/ending.js';
import type { Trip } from '../call-tool/trip.js';
import { shownAsk } from './shown-ask.js';

/** Time in which further questions come along with the first: a server that asks several things asks them in one go. */
const GATHER_MS = 20;
/** Rounds and questions of one call. */
const MAX_ROUNDS = 64;
const MAX_PENDING = 16;
const MAX_ASK_CHARACTERS = 1_048_576;
/** A server's own name for a question is kept when it could be a key. */
const KEY = /^[A-Za-z0-9_.-]{1,128}$/;

interface Pending {
  readonly request: JsonObject;
  settle(reply: UpstreamReply): void;
}

/** What the client of the present round gets: further questions, or the end of the call. */
export type RoundEnd = { readonly asks: JsonObject; readonly round: number } | { readonly arrival: Arrival };

/** A client that waits for a call, wherever it is. */
export interface Waiter {
  /** Names the wait. */
  readonly relay: string;
  readonly id: RequestId;
  readonly progressToken: RequestId | undefined;
  onEvent(method: string, params: Record<string, unknown>): void;
  settle(end: RoundEnd): void;
}

/** What a flow tells whoever keeps it. */
export interface FlowKeeper {
  /** It waits for its client from now on. */
  suspended(flow: Flow): void;
  /** The server's call is over; `waiter` is who hears of it, if anybody waits. */
  ended(flow: Flow, arrival: Arrival, waiter: Waiter | undefined): void;
}

/**
 * One call of a modern client to a legacy server, held open over as many requests as the server's questions take. At any time
 * either one request of the client waits for it, or it waits for the client.
 */
export class Flow {
  readonly id = randomBytes(12).toString('base64url');
  private readonly pending = new Map<string, Pending>();
  private waiter: Waiter | undefined;
  private gathering: NodeJS.Timeout | undefined;
  private asked = 0;
  private over = false;
  round = 0;
  /** How it ended, when nobody was there to hear it. */
  arrival: Arrival | undefined;

  constructor(
    readonly trip: Trip,
    private readonly capabilities: JsonObject,
    private readonly call: RunningCall,
    private readonly keeper: FlowKeeper,
  ) {}

  /** Whether a request of the client waits for it at present. */
  get isAttended(): boolean {
    return this.waiter !== undefined;
  }

  /** Waits for the call. There must be nobody else who does. */
  attach(waiter: Waiter): void {
    this.waiter = waiter;
    this.call.resume();
  }

  /** The client of this wait went away: it cancels the call, unless that waits for it anyway. */
  leave(relay: string): void {
    if (this.waiter?.relay === relay) this.cancel();
  }

  cancel(): void {
    this.call.abort();
  }

  /** The client's answers to what was asked; what is still open is asked again. */
  answer(responses: Readonly<Record<string, JsonObject>>): void {
    for (const [key, { settle }] of this.pending) {
      const result = Object.hasOwn(responses, key) ? responses[key] : undefined;
      if (result === undefined) continue;
      this.pending.delete(key);
      settle({ result: { ...result } });
    }
    if (this.pending.size > 0) this.gather();
  }

  /** The upstream's question. Bound: it is given to a port. */
  readonly onAsk = (method: AskMethod, params: Record<string, unknown>, withdrawn?: AbortSignal): Promise<UpstreamReply> => {
    if (!isDeclaredAsk(this.capabilities, method, params)) return Promise.resolve(refusal(-32601, 'The client can not be asked this: it has not declared that it could answer'));
    if (this.over || this.pending.size >= MAX_PENDING || this.round >= MAX_ROUNDS) return Promise.resolve(refusal(-32603, 'The client has been asked too much'));
    const request = askForModern(shownAsk(this.trip, { method, params }));
    if (!isAnswerable(request)) return Promise.resolve(refusal(-32603, 'The client can not be asked this: it is too large'));
    const key = this.keyOf(params);
    return new Promise((resolve) => {
      withdrawn?.addEventListener('abort', () => this.pending.delete(key) && resolve(refusal(-32603, 'The question was taken back')), { once: true });
      this.pending.set(key, { request, settle: resolve });
      this.gather();
    });
  };

  /** What the server says on the side goes to whoever waits, under the token of that request; else to nobody. */
  readonly onEvent = (method: string, params: Record<string, unknown>): void => {
    const { waiter } = this;
    if (!waiter) return;
    if (method !== 'notifications/progress') return waiter.onEvent(method, params);
    if (waiter.progressToken !== undefined) waiter.onEvent(method, { ...params, progressToken: waiter.progressToken });
  };

  /** The server's call is over. */
  end(arrival: Arrival): void {
    this.over = true;
    clearTimeout(this.gathering);
    for (const { settle } of this.pending.values()) settle(refusal(-32603, 'The call has ended'));
    this.pending.clear();
    const { waiter } = this;
    this.waiter = undefined;
    if (!waiter) this.arrival = arrival;
    this.keeper.ended(this, arrival, waiter);
    waiter?.settle({ arrival });
  }

  private gather(): void {
    this.gathering ??= setTimeout(() => {
      this.gathering = undefined;
      this.suspend();
    }, GATHER_MS);
  }

  private suspend(): void {
    const { waiter } = this;
    if (!waiter || this.over || this.pending.size === 0) return;
    // A client that comes back again and again without answers.
    if (this.round >= MAX_ROUNDS) return this.cancel();
    this.round++;
    this.waiter = undefined;
    this.call.suspend();
    this.keeper.suspended(this);
    waiter.settle({ asks: Object.fromEntries([...this.pending].map(([key, { request }]) => [key, request])), round: this.round });
  }

  private keyOf({ elicitationId }: Readonly<Record<string, unknown>>): string {
    this.asked++;
    return typeof elicitationId === 'string' && KEY.test(elicitationId) && !this.pending.has(elicitationId) ? elicitationId : `ask-${this.asked}`;
  }
}

/** It will be written as part of an answer, which must not fail for it. */
function isAnswerable(request: JsonObject): boolean {
  try {
    return JSON.stringify(request).length <= MAX_ASK_CHARACTERS;
  } catch {
    return false;
  }
}

function refusal(code: number, message: string): UpstreamReply {
  return { error: { code, message } };
}
