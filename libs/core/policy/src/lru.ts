/** The `capacity` values used last. What is pushed out is handed to `onEvict`. */
export class Lru<Key, Value> {
  private readonly entries = new Map<Key, Value>();
  /** The key used last, when it is known: it needs no moving. */
  private newest: Key | undefined;

  constructor(
    private readonly capacity: number,
    private readonly onEvict: (value: Value, key: Key) => void = () => undefined,
  ) {}

  get size(): number {
    return this.entries.size;
  }

  get(key: Key): Value | undefined {
    const value = this.entries.get(key);
    if (value === undefined || key === this.newest) return value;
    this.entries.delete(key);
    this.entries.set(key, value);
    this.newest = key;
    return value;
  }

  set(key: Key, value: Value): void {
    this.entries.delete(key);
    this.entries.set(key, value);
    this.newest = key;
    if (this.entries.size > this.capacity) this.evictOldest();
  }

  delete(key: Key): void {
    const value = this.entries.get(key);
    if (value === undefined) return;
    this.entries.delete(key);
    this.onEvict(value, key);
  }

  keys(): readonly Key[] {
    return [...this.entries.keys()];
  }

  /** False when there is nothing to evict. */
  evictOldest(): boolean {
    const oldest = this.entries.keys().next();
    if (oldest.done) return false;
    this.delete(oldest.value);
    return true;
  }
}
