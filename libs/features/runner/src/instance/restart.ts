/** When a server that failed may be started again. Times in milliseconds. */
export interface RestartState {
  /** Failures within the window, oldest first. */
  readonly failures: readonly number[];
  readonly consecutive: number;
}

export const NO_FAILURES: RestartState = { failures: [], consecutive: 0 };

const FIRST_PAUSE_MS = 200;
const MAX_PAUSE_MS = 30_000;
const WINDOW_MS = 300_000;
const MAX_FAILURES = 5;
/** A server that lived this long after its start is healthy again. */
export const HEALTHY_AFTER_MS = 60_000;

export type Permit = { readonly kind: 'start' } | { readonly kind: 'wait'; readonly ms: number; readonly isOpen: boolean };

export function afterFailure(state: RestartState, now: number): RestartState {
  return { failures: [...state.failures.filter((at) => now - at < WINDOW_MS), now].slice(-MAX_FAILURES), consecutive: state.consecutive + 1 };
}

/**
 * 200 ms after the first failure, doubling up to 30 s. After five failures in five minutes the circuit is open: one attempt
 * every 30 s, whose success lets calls through again.
 */
export function permitStart(state: RestartState, now: number): Permit {
  const last = state.failures.at(-1);
  if (last === undefined) return { kind: 'start' };
  const isOpen = state.failures.length >= MAX_FAILURES && now - (state.failures[0] as number) < WINDOW_MS;
  const pause = isOpen ? MAX_PAUSE_MS : Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (state.consecutive - 1));
  const ms = last + pause - now;
  return ms <= 0 ? { kind: 'start' } : { kind: 'wait', ms, isOpen };
}
