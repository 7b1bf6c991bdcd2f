import type { OutboxEvent, SendResult } from './meter-provider.js';

/** Stripe knows an identifier for 24 hours and no longer. Five minutes less: clocks differ and a request takes time. */
export const RESEND_WINDOW_MS = 24 * 3_600_000 - 300_000;
/** The oldest usage that Stripe takes, less the same margin, and how far ahead of its clock a time may lie. */
export const OLDEST_MS = 35 * 86_400_000 - 300_000;
export const NEWEST_MS = 240_000;

const FIRST_DELAY_MS = 5_000;
const LONGEST_DELAY_MS = 900_000;
/** However long a provider asks us to wait, it is tried again after this. */
export const LONGEST_RETRY_AFTER_MS = 3_600_000;

export interface Outcome {
  readonly state: 'pending' | 'sent' | 'needs_reconcile';
  readonly uncertainSinceMs: number | undefined;
  /** Not before this time; only while pending. */
  readonly nextTryMs: number | undefined;
  readonly problem: string | undefined;
}

/**
 * Why an event must not be sent any more, or not yet; `undefined` when it may go. A second try is safe only while the provider
 * would recognise the first: after that the usage might be charged twice.
 */
export function beforeSend(event: OutboxEvent, nowMs: number): Outcome | undefined {
  const { uncertainSinceMs } = event;
  if (uncertainSinceMs !== undefined && nowMs - uncertainSinceMs >= RESEND_WINDOW_MS) {
    return stopped(event, `It was tried at ${new Date(uncertainSinceMs).toISOString()} without an answer, and Stripe has forgotten its identifier since. Compare the event summaries of ${event.meter} in Stripe with the outbox.`);
  }
  if (nowMs - event.hourMs >= OLDEST_MS) return stopped(event, 'Its hour is more than 35 days ago, which Stripe refuses. Charge it on the next invoice.');
  if (event.hourMs - nowMs > NEWEST_MS) return { state: 'pending', uncertainSinceMs, nextTryMs: event.hourMs, problem: 'Its hour has not begun: the clock of an edge is ahead.' };
  return undefined;
}

/** What a try means for the event. `event.uncertainSinceMs` and `event.attempts` are those from before the try. */
export function afterSend(event: OutboxEvent, result: SendResult, nowMs: number): Outcome {
  const again = (reason: string, leastMs = 0): Outcome => ({
    state: 'pending',
    uncertainSinceMs: event.uncertainSinceMs,
    nextTryMs: nowMs + Math.max(Math.min(FIRST_DELAY_MS * 2 ** Math.min(event.attempts, 20), LONGEST_DELAY_MS), Math.min(leastMs, LONGEST_RETRY_AFTER_MS)),
    problem: reason,
  });
  switch (result.kind) {
    case 'accepted':
      return { state: 'sent', uncertainSinceMs: undefined, nextTryMs: undefined, problem: undefined };
    case 'duplicate':
      // Expected after a try that got no answer. Never tried by us, it is another installation's, or ours before a restore.
      if (event.uncertainSinceMs !== undefined) return { state: 'sent', uncertainSinceMs: undefined, nextTryMs: undefined, problem: undefined };
      return stopped(event, 'Stripe already has an event of this identifier that this gateway did not send. Does another installation report for the same Stripe account, or was the database restored?');
    case 'refused':
    case 'unauthorized':
      return again(result.reason);
    case 'busy':
      return again(result.reason, result.retryAfterMs);
    case 'lost':
      return { ...again(result.reason), uncertainSinceMs: event.uncertainSinceMs ?? nowMs };
  }
}

function stopped(event: OutboxEvent, problem: string): Outcome {
  return { state: 'needs_reconcile', uncertainSinceMs: event.uncertainSinceMs, nextTryMs: undefined, problem };
}
