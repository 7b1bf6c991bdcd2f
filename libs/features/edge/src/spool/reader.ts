import { HEADER_BYTES, MAX_RECORD_BYTES, nextRecord, payloadAt, sequenceOf } from './record.js';
import { damage, type Cursor } from './recovery.js';
import type { Segment, Segments } from './segments.js';

/** A run of entries of one epoch, in their order. */
export interface Batch {
  readonly epoch: number;
  readonly entries: readonly string[];
  readonly lastSeq: number;
  /** Where reading goes on once these are in the log. */
  readonly segment: Segment;
  readonly end: number;
}

const CHUNK_BYTES = 589_824;

/** Reads what isn't in the log yet, from the oldest segment on. */
export class Reader {
  private position: { readonly segment: Segment; readonly offset: number } | undefined;

  constructor(
    private readonly segments: Segments,
    private done: Cursor,
    private readonly onDamage: (message: string) => void,
  ) {}

  /** Everything up to here is in the log. */
  cursor(): Cursor {
    return this.done;
  }

  /** Bytes that are on disk and not yet in the log. */
  waitingBytes(): number {
    return this.segments.size() - (this.position?.offset ?? 0);
  }

  /** The next entries, without moving on: undefined when all that is on disk is in the log. */
  async next(maxEntries: number, maxBytes: number): Promise<Batch | undefined> {
    for (let at = this.start(); at; at = this.start()) {
      const batch = await this.decode(at.segment, at.offset, maxEntries, maxBytes);
      if (batch.entries.length > 0) return batch;
      if (batch.end >= at.segment.bytes) {
        if (this.segments.isActive(at.segment)) return undefined;
        this.leave(at.segment);
      } else {
        this.position = { segment: at.segment, offset: batch.end };
      }
    }
    return undefined;
  }

  /** The log has this batch: its entries are never read again, and a segment that was read to its end is removed. */
  advance(batch: Batch): void {
    this.done = { epoch: batch.epoch, seq: batch.lastSeq };
    this.position = { segment: batch.segment, offset: batch.end };
    if (batch.end >= batch.segment.bytes && !this.segments.isActive(batch.segment)) this.leave(batch.segment);
  }

  private start(): { readonly segment: Segment; readonly offset: number } | undefined {
    const first = this.segments.all()[0];
    if (this.position?.segment !== first) this.position = first && { segment: first, offset: 0 };
    return this.position;
  }

  private leave(segment: Segment): void {
    this.position = undefined;
    this.segments.remove(segment);
  }

  private async decode(segment: Segment, offset: number, maxEntries: number, maxBytes: number): Promise<Batch> {
    const buffer = await this.segments.read(segment, offset, CHUNK_BYTES);
    const entries: string[] = [];
    let lastSeq = segment.epoch === this.done.epoch ? this.done.seq : 0;
    let bytes = 0;
    let at = 0;
    while (at < buffer.length && entries.length < maxEntries) {
      const payload = payloadAt(buffer, at);
      if (!payload) {
        const end = offset + buffer.length >= segment.bytes;
        // A record that the chunk cuts in two is read whole by the next one, which begins with it.
        if (!end && at > 0) break;
        const next = nextRecord(buffer, at + 1) ?? (end ? buffer.length : Math.max(at + 1, buffer.length - MAX_RECORD_BYTES));
        this.onDamage(damage(this.segments, segment, next - at));
        at = next;
        continue;
      }
      if (entries.length > 0 && bytes + payload.length > maxBytes) break;
      at += HEADER_BYTES + payload.length;
      const seq = sequenceOf(payload);
      // A segment that was begun after a failed write repeats what may also be at the end of the one before it.
      if (seq <= lastSeq) continue;
      entries.push(payload.toString('utf8'));
      bytes += payload.length;
      lastSeq = seq;
    }
    return { epoch: segment.epoch, entries, lastSeq, segment, end: offset + at };
  }
}
