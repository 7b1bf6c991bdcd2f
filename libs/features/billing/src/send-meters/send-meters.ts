import type { Clock, Logger } from '@mcpgw/platform-runtime';
import { afterSend, beforeSend, LONGEST_RETRY_AFTER_MS, type Outcome } from './after-send.js';
import type { MeterProvider, OutboxEvent, SendResult } from './meter-provider.js';
import type { Outbox } from './outbox.js';

/** Tries under way at once: far below what Stripe allows, enough for ten thousand events in some minutes. */
const CONCURRENCY = 8;
/** A run ends here, whatever is left: the next one goes on. */
const MAX_EVENTS = 1_000;
const MAX_RUN_MS = 30_000;

export interface SendOptions {
  /** Tries also what waits after a failure: somebody asked, perhaps having removed the cause. */
  readonly evenIfDelayed: boolean;
  readonly signal: AbortSignal;
}

export interface Sent {
  readonly sent: number;
  /** Why the run ended before the outbox was empty, when the reason concerns every event. */
  readonly halted: string | undefined;
}

interface Try {
  /** `undefined` when the event must not be sent. */
  readonly result: SendResult | undefined;
  readonly outcome: Outcome;
}

/** Ends of a try after which the next event would fare no better. */
const HALTING: ReadonlySet<SendResult['kind']> = new Set(['busy', 'unauthorized', 'lost']);

/** Sends what the outbox holds. The event is on record as tried before it leaves, and its end is on record before the next. */
export class MeterSender {
  /** Set by a Retry-After: no try of this process before it. */
  private pausedUntilMs = 0;

  constructor(
    private readonly outbox: Outbox,
    private readonly provider: MeterProvider,
    private readonly clock: Clock,
    private readonly logger: Logger,
    private readonly leaseMs: number,
  ) {}

  async run({ evenIfDelayed, signal }: SendOptions): Promise<Sent> {
    const startedMs = this.clock.now();
    if (startedMs < this.pausedUntilMs) return { sent: 0, halted: `Stripe asked to wait until ${new Date(this.pausedUntilMs).toISOString()}.` };
    const tried: string[] = [];
    let sent = 0;
    while (tried.length < MAX_EVENTS && !signal.aborted && this.clock.now() - startedMs < MAX_RUN_MS) {
      const events = await this.outbox.claim({ nowMs: this.clock.now(), leaseMs: this.leaseMs, limit: CONCURRENCY, evenIfDelayed, except: tried });
      if (events.length === 0) break;
      tried.push(...events.map(({ identifier }) => identifier));
      const ends = await Promise.allSettled(events.map((event) => this.trySend(event)));
      const failed = ends.find((end) => end.status === 'rejected');
      if (failed) throw failed.reason as Error; // the database: leases bring the events back, as tried
      const tries = ends.map((end) => (end as PromiseFulfilledResult<Try>).value);
      sent += tries.filter(({ outcome }) => outcome.state === 'sent').length;
      const halt = tries.find(({ result }) => result && HALTING.has(result.kind));
      if (halt) return { sent, halted: halt.outcome.problem };
    }
    return { sent, halted: undefined };
  }

  private async trySend(event: OutboxEvent): Promise<Try> {
    const forbidden = beforeSend(event, this.clock.now());
    const result = forbidden ? undefined : await this.provider.send(event);
    const nowMs = this.clock.now();
    const outcome = forbidden ?? afterSend(event, result as SendResult, nowMs);
    if (result?.kind === 'busy' && result.retryAfterMs !== undefined) this.pausedUntilMs = Math.max(this.pausedUntilMs, nowMs + Math.min(result.retryAfterMs, LONGEST_RETRY_AFTER_MS));
    if (outcome.state === 'needs_reconcile') this.logger.error({ identifier: event.identifier }, `A meter event needs a person. ${outcome.problem}`);
    await this.outbox.settle(event.identifier, outcome, nowMs);
    return { result, outcome };
  }
}
