/**
 * GCRA (ITU-T I.371, annex A) in its continuous-state form: a bucket that fills by one call's cost and leaks at the rate.
 *
 * The level is counted in units of 1/`periodMs` calls, so that a call costs `periodMs` units and `calls` units leak each
 * millisecond: whole numbers all along, exact while `burst * periodMs` is below 2^53 (100 million calls a day).
 */
export interface Rate {
  readonly calls: number;
  readonly periodMs: number;
  /** Calls that may come at once. */
  readonly burst: number;
}

/** What is remembered of one key: how full its bucket was at `atMs`. */
export interface Meter {
  readonly level: number;
  readonly atMs: number;
}

export interface Allowance {
  readonly allowed: boolean;
  /** Calls that could follow at once. */
  readonly remaining: number;
  /** Until this very call would be allowed; 0 when it is. */
  readonly retryAfterMs: number;
  /** Until the whole burst is there again. */
  readonly resetMs: number;
  /** The state after this call; unchanged in substance when refused, because refused calls cost nothing. */
  readonly meter: Meter;
}

/** A call at `nowMs` (whole milliseconds). A clock that goes back leaks nothing and forgives nothing. */
export function spend(meter: Meter | undefined, rate: Rate, nowMs: number): Allowance {
  const level = levelAt(meter, rate, nowMs);
  const atMs = Math.max(nowMs, meter?.atMs ?? nowMs);
  const capacity = rate.burst * rate.periodMs;
  const over = level + rate.periodMs - capacity;
  const allowed = over <= 0;
  const after = allowed ? level + rate.periodMs : level;
  return {
    allowed,
    remaining: Math.max(0, Math.floor((capacity - after) / rate.periodMs)),
    retryAfterMs: allowed ? 0 : Math.ceil(over / rate.calls) + (atMs - nowMs),
    resetMs: Math.ceil(after / rate.calls),
    meter: { level: after, atMs },
  };
}

/** True when the key is as good as new: forgetting it changes no decision. */
export function isIdle(meter: Meter, rate: Rate, nowMs: number): boolean {
  return levelAt(meter, rate, nowMs) === 0;
}

function levelAt(meter: Meter | undefined, rate: Rate, nowMs: number): number {
  if (!meter) return 0;
  return Math.max(0, meter.level - Math.max(0, nowMs - meter.atMs) * rate.calls);
}
