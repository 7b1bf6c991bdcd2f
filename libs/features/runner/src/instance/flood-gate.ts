const WINDOW_MS = 1_000;
const MAX_MESSAGES = 10_000;
const MAX_BYTES = 32 * 1_048_576;

/**
 * Counts what a server says unasked: notifications, requests, lines that are no messages. One that says more in a second
 * than any caller could want would take the runner's time from all others.
 */
export class FloodGate {
  private windowStart = 0;
  private messages = 0;
  private bytes = 0;

  /** Whether the bound is passed. */
  isFlood(bytes: number, nowMs: number): boolean {
    if (nowMs - this.windowStart >= WINDOW_MS) {
      this.windowStart = nowMs;
      this.messages = 0;
      this.bytes = 0;
    }
    this.messages += 1;
    this.bytes += bytes;
    return this.messages > MAX_MESSAGES || this.bytes > MAX_BYTES;
  }
}
