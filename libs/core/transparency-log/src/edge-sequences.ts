import type { Finding } from './findings.js';

const PAGE_BITS = 16_384;
/** A number beyond this is an invention, not a count. */
export const MAX_SEQUENCE = 2 ** 40;

interface Seen {
  readonly pages: Map<number, Uint8Array>;
  count: number;
  highest: number;
}

/**
 * The numbers that each edge gave its entries. One epoch's entries are spread over the logs of all organizations, so a gap
 * can be judged only after all of them were read: share one of these between the checkers of all logs and ask it last.
 */
export class EdgeSequences {
  private readonly epochs = new Map<string, Seen>();
  private readonly repeated: Finding[] = [];

  add(edge: { readonly id: string; readonly epoch: number; readonly seq: number }, entryId: string): void {
    const key = `${edge.id} ${edge.epoch}`;
    let seen = this.epochs.get(key);
    if (!seen) this.epochs.set(key, (seen = { pages: new Map(), count: 0, highest: 0 }));
    const pageNumber = Math.floor(edge.seq / PAGE_BITS);
    let page = seen.pages.get(pageNumber);
    if (!page) seen.pages.set(pageNumber, (page = new Uint8Array(PAGE_BITS / 8)));
    const bit = edge.seq % PAGE_BITS;
    const mask = 1 << (bit & 7);
    if (((page[bit >> 3] as number) & mask) !== 0) {
      if (this.repeated.length < 100) this.repeated.push({ code: 'edge_gap', message: `Edge ${edge.id} used number ${edge.seq} of epoch ${edge.epoch} more than once.`, entryId });
      return;
    }
    page[bit >> 3] = (page[bit >> 3] as number) | mask;
    seen.count++;
    seen.highest = Math.max(seen.highest, edge.seq);
  }

  /** One finding for each epoch that misses numbers below its highest, after those for repeated numbers. */
  findings(): readonly Finding[] {
    const gaps: Finding[] = [];
    for (const [key, seen] of this.epochs) {
      const missing = seen.highest - seen.count;
      if (missing === 0) continue;
      const [id, epoch] = key.split(/ (?=\d+$)/);
      gaps.push({ code: 'edge_gap', message: `Of epoch ${epoch} of edge ${id}, ${missing} of ${seen.highest} entries are in no log; the first is number ${firstMissing(seen)}.` });
    }
    return [...this.repeated, ...gaps];
  }
}

function firstMissing(seen: Seen): number {
  for (let seq = 1; seq < seen.highest; seq++) {
    const page = seen.pages.get(Math.floor(seq / PAGE_BITS));
    if (!page) return seq;
    const bit = seq % PAGE_BITS;
    if (((page[bit >> 3] as number) & (1 << (bit & 7))) === 0) return seq;
  }
  return seen.highest;
}
