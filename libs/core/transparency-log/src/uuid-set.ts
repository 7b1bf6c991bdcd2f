const WORDS = 3;
const MAX_LOAD = 0.6;

/**
 * A set of UUIDs in 12 bytes a slot, for the calls of a whole log: a Set of strings takes ten times that and ends at 2^24.
 * It keeps the last 96 bits, which in a UUIDv7 hold all of its random ones.
 */
export class UuidSet {
  private slots = new Uint32Array(1_024 * WORDS);
  private count = 0;

  /** Adds it; false when it was there already. */
  add(uuid: string): boolean {
    if ((this.count + 1) * WORDS > this.slots.length * MAX_LOAD) this.grow();
    const [high, middle, low] = wordsOf(uuid);
    const at = find(this.slots, high, middle, low);
    if (this.slots[at + 1] !== 0) return false;
    store(this.slots, at, high, middle, low);
    this.count++;
    return true;
  }

  has(uuid: string): boolean {
    return this.slots[find(this.slots, ...wordsOf(uuid)) + 1] !== 0;
  }

  get size(): number {
    return this.count;
  }

  private grow(): void {
    const old = this.slots;
    this.slots = new Uint32Array(old.length * 2);
    for (let at = 0; at < old.length; at += WORDS) {
      const [high, middle, low] = [old[at] as number, old[at + 1] as number, old[at + 2] as number];
      if (middle !== 0) store(this.slots, find(this.slots, high, middle, low), high, middle, low);
    }
  }
}

/** The variant bits make the middle word of every RFC 9562 UUID differ from 0, which marks a free slot. */
function wordsOf(uuid: string): [number, number, number] {
  const middle = Number.parseInt(uuid.slice(19, 23) + uuid.slice(24, 28), 16);
  return [Number.parseInt(uuid.slice(9, 13) + uuid.slice(14, 18), 16) >>> 0, (middle || 1) >>> 0, Number.parseInt(uuid.slice(28), 16) >>> 0];
}

function find(slots: Uint32Array, high: number, middle: number, low: number): number {
  const places = slots.length / WORDS;
  let place = (low ^ Math.imul(middle, 0x9e3779b1)) >>> 0;
  for (place %= places; ; place = (place + 1) % places) {
    const at = place * WORDS;
    if (slots[at + 1] === 0 || (slots[at] === high && slots[at + 1] === middle && slots[at + 2] === low)) return at;
  }
}

function store(slots: Uint32Array, at: number, high: number, middle: number, low: number): void {
  slots[at] = high;
  slots[at + 1] = middle;
  slots[at + 2] = low;
}
