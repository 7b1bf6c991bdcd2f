/** A call's time. It stands still while a question of the server is open: nobody but the asked person holds the call up then. */
export class CallTimer {
  private timer: NodeJS.Timeout | undefined;
  private startedAt = 0;
  private pauses = 0;

  constructor(
    private leftMs: number,
    private readonly onExpire: () => void,
    private readonly nowMs: () => number,
  ) {
    this.run();
  }

  /** Each pause needs its own `resume`. */
  pause(): void {
    this.pauses += 1;
    if (this.pauses > 1) return;
    clearTimeout(this.timer);
    this.leftMs -= this.nowMs() - this.startedAt;
  }

  resume(): void {
    this.pauses -= 1;
    if (this.pauses === 0) this.run();
  }

  /** For good: a later `resume` starts nothing. */
  stop(): void {
    clearTimeout(this.timer);
    this.pauses = Number.POSITIVE_INFINITY;
  }

  private run(): void {
    this.startedAt = this.nowMs();
    this.timer = setTimeout(this.onExpire, Math.max(0, this.leftMs));
  }
}
