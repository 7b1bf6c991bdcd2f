import type { UsageCounts } from './usage.js';

/** What an organization used in one hour, as far as money goes. `bytes` is both directions together. */
export interface BilledUsage {
  readonly calls: number;
  readonly durationUs: number;
  readonly bytes: number;
}

/**
 * One immutable statement about an hour: `delta` is what it adds to the revisions before it, `total` the hour as it was then.
 * Revisions count from 1; the sum of all deltas is the last total.
 */
export interface WindowRevision {
  readonly revision: number;
  readonly delta: BilledUsage;
  readonly total: BilledUsage;
}

export const NOTHING_BILLED: BilledUsage = { calls: 0, durationUs: 0, bytes: 0 };

export function billedUsage(usage: Pick<UsageCounts, 'calls' | 'durationUs' | 'bytesIn' | 'bytesOut'>): BilledUsage {
  return { calls: usage.calls, durationUs: usage.durationUs, bytes: usage.bytesIn + usage.bytesOut };
}

/**
 * The revision that brings an hour from `last` to `total`, or `undefined` when they agree. Usage only grows: a smaller total
 * means that counted rows went missing, and is refused rather than credited.
 */
export function nextRevision(last: WindowRevision | undefined, total: BilledUsage): WindowRevision | undefined {
  const before = last?.total ?? NOTHING_BILLED;
  const delta: BilledUsage = { calls: total.calls - before.calls, durationUs: total.durationUs - before.durationUs, bytes: total.bytes - before.bytes };
  if (delta.calls < 0 || delta.durationUs < 0 || delta.bytes < 0) throw new RangeError('An hour holds less usage than was already closed for it.');
  if (delta.calls === 0 && delta.durationUs === 0 && delta.bytes === 0) return undefined;
  return { revision: (last?.revision ?? 0) + 1, delta, total };
}
