/**
 * The two ways in which a call ends before its answer: the time is up, or the caller went away. One object for a call's whole
 * life, over a handshake and a repeated request alike. The time stands still while the caller is being asked something.
 */
export class CallDeadline {
  readonly #signal: AbortSignal | undefined;
  #timer: NodeJS.Timeout | undefined;
  #remainingMs: number;
  #runningSince = 0;
  #pauses = 0;
  #onStop: (() => void) | undefined;
  readonly #onAbort = (): void => this.#stop('cancelled');
  /** Why the call must end; undefined while it may go on. */
  reason: 'timeout' | 'cancelled' | undefined;

  constructor(timeoutMs: number, signal?: AbortSignal) {
    this.#signal = signal;
    this.#remainingMs = Math.max(0, timeoutMs);
    this.#run();
    if (signal?.aborted === true) this.#stop('cancelled');
    else signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  /** What to do when the call must end; only the latest is kept, and it runs at once when the end has come already. */
  onStop(action: () => void): void {
    this.#onStop = action;
    if (this.reason !== undefined) action();
  }

  /** The value, or undefined when the call must end first. The work behind it goes on: others may wait for it too. */
  race<T>(work: Promise<T>): Promise<T | undefined> {
    return new Promise((resolve, reject) => {
      this.onStop(() => resolve(undefined));
      work.then(resolve, reject);
    });
  }

  /** False when the call must end before the time is over. */
  sleep(ms: number): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(this.reason === undefined), ms);
      this.onStop(() => {
        clearTimeout(timer);
        resolve(false);
      });
    });
  }

  /** Each pause must be ended by a `resume`; the time runs while there is none. Aborting works all along. */
  pause(): void {
    this.#pauses += 1;
    if (this.#pauses > 1) return;
    clearTimeout(this.#timer);
    this.#remainingMs -= performance.now() - this.#runningSince;
  }

  resume(): void {
    this.#pauses -= 1;
    if (this.#pauses === 0 && this.reason === undefined && this.#timer !== undefined) this.#run();
  }

  dispose(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#signal?.removeEventListener('abort', this.#onAbort);
    this.#onStop = undefined;
  }

  #run(): void {
    this.#runningSince = performance.now();
    this.#timer = setTimeout(() => this.#stop('timeout'), Math.max(0, this.#remainingMs));
  }

  #stop(reason: 'timeout' | 'cancelled'): void {
    if (this.reason !== undefined) return;
    this.reason = reason;
    this.#onStop?.();
  }
}
