import { readFileSync } from 'node:fs';
import { nextRecord, HEADER_BYTES, payloadAt, sequenceOf } from './record.js';
import type { Segment, Segments } from './segments.js';

/** Up to here the log has every entry of every epoch before, and of this one. */
export interface Cursor {
  readonly epoch: number;
  readonly seq: number;
}

export interface Recovered {
  readonly edgeId: string | undefined;
  readonly lastEpoch: number;
  /** One sentence for each damaged segment. */
  readonly damages: readonly string[];
}

interface Scan {
  readonly segment: Segment;
  firstSeq: number;
  lastSeq: number;
  /** End of the last valid record. */
  end: number;
  /** Unreadable bytes with a valid record after them. */
  lostBytes: number;
  edgeId: string | undefined;
}

/**
 * Brings the folder to a state that a reader can trust, after any crash: cuts what the last, unacknowledged write left
 * unfinished, removes what the log has already, and reports what was acknowledged and can't be read any more.
 */
export function recover(segments: Segments, cursor: Cursor | undefined): Recovered {
  const scans = segments.load().map(scan);
  const damages: string[] = [];
  scans.forEach((found, index) => {
    const { segment } = found;
    const torn = segment.bytes - found.end;
    const next = scans[index + 1];
    // Every acknowledged record is followed by the next number, in this segment or the next one of its epoch.
    const gap = next !== undefined && next.segment.epoch === segment.epoch && next.firstSeq > found.lastSeq + 1;
    if (found.lostBytes > 0 || (torn > 0 && gap)) damages.push(damage(segments, segment, found.lostBytes + (gap ? torn : 0)));
    if (torn > 0) segments.cut(segment, found.end);
    const done = cursor !== undefined && (segment.epoch < cursor.epoch || (segment.epoch === cursor.epoch && found.lastSeq <= cursor.seq));
    if (done || segment.bytes === 0) segments.remove(segment);
  });
  return { edgeId: scans.find((found) => found.edgeId !== undefined)?.edgeId, lastEpoch: Math.max(0, cursor?.epoch ?? 0, ...scans.map((found) => found.segment.epoch)), damages };
}

/** Keeps a copy and says so. */
export function damage(segments: Segments, segment: Segment, bytes: number): string {
  return `${bytes} bytes of ${segment.file} can't be read: entries that were acknowledged may be lost. ${segments.keepEvidence(segment)}`;
}

function scan(segment: Segment): Scan {
  const buffer = readFileSync(segment.file);
  const found: Scan = { segment, firstSeq: Infinity, lastSeq: 0, end: 0, lostBytes: 0, edgeId: undefined };
  for (let offset: number | undefined = 0; offset !== undefined; ) {
    const payload = payloadAt(buffer, offset);
    if (!payload) {
      const bad: number = offset;
      offset = nextRecord(buffer, bad + 1);
      if (offset !== undefined) found.lostBytes += offset - bad;
      continue;
    }
    found.edgeId ??= edgeIdOf(payload);
    const seq = sequenceOf(payload);
    found.firstSeq = Math.min(found.firstSeq, seq);
    found.lastSeq = Math.max(found.lastSeq, seq);
    found.end = offset += HEADER_BYTES + payload.length;
  }
  return found;
}

function edgeIdOf(payload: Buffer): string | undefined {
  const entry = JSON.parse(payload.toString('utf8')) as { readonly edge?: { readonly id?: unknown } };
  return typeof entry.edge?.id === 'string' ? entry.edge.id : undefined;
}
