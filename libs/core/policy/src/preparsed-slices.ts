import { preparse } from './cedar.js';
import { Lru } from './lru.js';
import type { Slice } from './slice-index.js';

export interface PreparsedLimits {
  /** Parsed slices kept in this thread. */
  readonly slices: number;
  /** Policies that they may hold together, about 2.6 KiB of wasm memory each; one slice alone may hold more. */
  readonly policies: number;
}

// Cedar's cache is one per thread, and several engines may share a thread: each writes under names of its own.
let engines = 0;

/** Slices parsed into Cedar's thread-local cache, the least recently used overwritten when a bound is reached. */
export class PreparsedSlices {
  private readonly prefix: string;
  private readonly free: string[] = [];
  private readonly slots: Lru<Slice, string>;
  private made = 0;
  private policies = 0;

  constructor(private readonly limits: PreparsedLimits) {
    engines += 1;
    this.prefix = `engine-${engines}/`;
    this.slots = new Lru(limits.slices, (slot, slice) => this.release(slot, slice));
  }

  /** Slots ever written: what Cedar's cache holds for us, full or emptied. */
  get written(): number {
    return this.made;
  }

  /** The name under which Cedar holds the slice, or `undefined` when Cedar refuses its text. */
  slotOf(slice: Slice): string | undefined {
    const known = this.slots.get(slice);
    if (known !== undefined) return known;
    this.makeRoom(slice.policies.length);
    const slot = this.free.pop() ?? `${this.prefix}${(this.made += 1)}`;
    if (preparse(slot, slice.policies) !== undefined) {
      this.free.push(slot);
      return undefined;
    }
    this.policies += slice.policies.length;
    this.slots.set(slice, slot);
    return slot;
  }

  /** Forgets slices of a bundle that is no longer used. */
  drop(isStale: (slice: Slice) => boolean): void {
    for (const slice of this.slots.keys()) if (isStale(slice)) this.slots.delete(slice);
  }

  private makeRoom(count: number): void {
    while (this.slots.size >= this.limits.slices || this.policies + count > this.limits.policies) {
      if (!this.slots.evictOldest()) return;
    }
  }

  private release(slot: string, slice: Slice): void {
    this.policies -= slice.policies.length;
    preparse(slot, []);
    this.free.push(slot);
  }
}
