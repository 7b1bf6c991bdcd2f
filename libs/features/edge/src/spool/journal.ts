import { encodeRecords } from './record.js';
import type { Segments } from './segments.js';

/** Named moments of writing and handing over. A spec's hook may throw there, as a disk would, or kill the process. */
export type SpoolPoint = 'before-write' | 'after-write' | 'after-receipt' | 'after-trim';
export type SpoolHook = (point: SpoolPoint) => void | Promise<void>;

export interface JournalItem {
  readonly text: string;
  readonly bytes: number;
  readonly seq: number;
  /** Told once: on disk, or not and why. Afterwards the item is still written as soon as the disk allows. */
  readonly settle: (fault?: Error) => void;
}

export interface JournalEvents {
  /** Everything up to this number is on disk. */
  readonly written: (seq: number) => void;
  readonly failed: (fault: Error) => void;
  readonly recovered: () => void;
}

/** How long what nobody waits for may stay in memory. */
const QUIET_MS = 20;
const RETRY_MS = 1_000;
const GROUP_BYTES = 1_048_576;

/**
 * Group commit: everything that was added while the last write was under way goes to disk in the next one. After a failed
 * write the file is never written to again: the group that failed begins a new segment, as soon as one can be made.
 */
export class Journal {
  private queue: JournalItem[] = [];
  private queuedBytes = 0;
  /** Somebody waits for one of `queue`. */
  private awaited = false;
  private timer: NodeJS.Timeout | undefined;
  private turn: NodeJS.Immediate | undefined;
  private running: Promise<void> | undefined;
  private fault: Error | undefined;
  private closed = false;

  constructor(
    private readonly segments: Segments,
    private readonly epoch: number,
    private readonly segmentBytes: number,
    private readonly events: JournalEvents,
    private readonly hook: SpoolHook,
  ) {}

  /** Bytes in memory, not on disk yet. */
  waitingBytes(): number {
    return this.queuedBytes;
  }

  problem(): Error | undefined {
    return this.fault;
  }

  /** `soon`: somebody waits, so write at the end of this turn of the event loop. */
  add(item: JournalItem, soon: boolean): void {
    this.queue.push(item);
    this.queuedBytes += item.bytes;
    this.awaited ||= soon;
    if (this.fault) item.settle(this.fault);
    else if (!this.running) this.schedule(soon);
  }

  /** Writes what is queued, once more if the disk fails, and writes no more. */
  async close(): Promise<void> {
    await this.running;
    do await this.run();
    while (this.queue.length > 0 && !this.fault);
    this.closed = true;
    clearTimeout(this.timer);
    clearImmediate(this.turn);
    this.segments.seal();
  }

  private schedule(soon: boolean): void {
    if (this.closed || this.turn) return;
    if (soon) this.turn = setImmediate(() => void this.run());
    else this.timer ??= setTimeout(() => void this.run(), QUIET_MS);
  }

  private run(): Promise<void> {
    clearTimeout(this.timer);
    clearImmediate(this.turn);
    this.timer = this.turn = undefined;
    this.running ??= this.drain();
    return this.running;
  }

  /**
   * `running` ends in the same turn as the last look at the queue, so that nothing added meanwhile is left without a writer.
   * What nobody waits for doesn't go at once: a write under way with it would hold up the next one that somebody waits for.
   */
  private async drain(): Promise<void> {
    await Promise.resolve();
    do {
      const group = this.nextGroup();
      this.awaited = group.length < this.queue.length;
      try {
        await this.write(group);
      } catch (error) {
        this.running = undefined;
        this.fail(error instanceof Error ? error : new Error(String(error)));
        return;
      }
      this.queue.splice(0, group.length);
      for (const item of group) this.queuedBytes -= item.bytes;
      if (this.fault) {
        this.fault = undefined;
        this.events.recovered();
      }
      const last = group.at(-1);
      if (last) this.events.written(last.seq);
      for (const item of group) item.settle();
    } while (this.awaited);
    this.running = undefined;
    if (this.queue.length > 0) this.schedule(false);
  }

  private nextGroup(): readonly JournalItem[] {
    let bytes = 0;
    const count = this.queue.findIndex((item, index) => (bytes += item.bytes) > GROUP_BYTES && index > 0);
    return this.queue.slice(0, count < 0 ? this.queue.length : count);
  }

  private async write(group: readonly JournalItem[]): Promise<void> {
    const buffer = encodeRecords(group);
    const used = this.segments.activeBytes();
    if (used === undefined || (used > 0 && used + buffer.length > this.segmentBytes)) this.segments.begin(this.epoch);
    await this.hook('before-write');
    await this.segments.append(buffer, () => this.hook('after-write'));
  }

  private fail(fault: Error): void {
    this.fault = fault;
    try {
      this.segments.seal();
    } catch {
      // The folder itself fails: the next attempt says so again.
    }
    this.events.failed(fault);
    // Everybody who waits is told now; the entries stay, for the log must know of what was begun.
    for (const item of this.queue) item.settle(fault);
    if (!this.closed) this.timer = setTimeout(() => void this.run(), RETRY_MS);
  }
}
