/**
 * The two ways in which a call ends before its answer: the time is up, or the caller went away. One object for a call's whole
 * life, over a handshake and a repeated request alike.
 */
export class CallDeadline {
  readonly #signal: AbortSignal | undefined;
  readonly #timer: NodeJS.Timeout;
  readonly #onAbort = (): void => this.#stop('cancelled');
  #onStop: (() => void) | undefined;
  /** Why the call must end; undefined while it may go on. */
  reason: 'timeout' | 'cancelled' | undefined;

  constructor(timeoutMs: number, signal?: AbortSignal) {
    this.#signal = signal;
    this.#timer = setTimeout(() => this.#stop('timeout'), Math.max(0, timeoutMs));
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

  dispose(): void {
    clearTimeout(this.#timer);
    this.#signal?.removeEventListener('abort', this.#onAbort);
    this.#onStop = undefined;
  }

  #stop(reason: 'timeout' | 'cancelled'): void {
    if (this.reason !== undefined) return;
    this.reason = reason;
    this.#onStop?.();
  }
}
