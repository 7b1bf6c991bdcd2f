/**
 * Runs `work` now, every `everyMs`, and as soon as it can after `poke()`; never twice at once. A run that throws is reported
 * and the next one comes as planned. `close()` resolves when a run under way has ended.
 */
export class Periodic {
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | undefined;
  private again = false;
  private closed = false;

  constructor(
    private readonly everyMs: number,
    private readonly work: () => Promise<void>,
    private readonly onError: (error: unknown) => void,
  ) {}

  /** Resolves after the first run, whatever became of it. */
  start(): Promise<void> {
    return this.run();
  }

  poke(): void {
    if (this.running) this.again = true;
    else void this.run();
  }

  async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.timer);
    await this.running;
  }

  private run(): Promise<void> {
    if (this.closed) return Promise.resolve();
    clearTimeout(this.timer);
    this.again = false;
    this.running = this.work()
      .catch(this.onError)
      .finally(() => {
        this.running = undefined;
        if (this.closed) return;
        if (this.again) void this.run();
        else this.timer = setTimeout(() => void this.run(), this.everyMs);
      });
    return this.running;
  }
}
