/** Time from outside, so that rules about time can be tested without waiting. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
  /** Microseconds from a fixed but unknown point; never goes back. */
  monotonicUs(): number;
}

export const CLOCK = Symbol('Clock');

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonicUs: () => performance.now() * 1_000,
};
