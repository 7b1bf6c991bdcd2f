/** A map that forgets what was used longest ago once the weights of its values exceed `maxWeight`. */
export class Lru<Value> {
  private readonly rows = new Map<string, { readonly value: Value; readonly weight: number }>();
  private weight = 0;

  constructor(private readonly maxWeight: number) {}

  get(key: string): Value | undefined {
    const row = this.rows.get(key);
    if (!row) return undefined;
    this.rows.delete(key);
    this.rows.set(key, row);
    return row.value;
  }

  set(key: string, value: Value, weight: number): void {
    this.delete(key);
    this.rows.set(key, { value, weight });
    this.weight += weight;
    for (const oldest of this.rows.keys()) {
      if (this.weight <= this.maxWeight || oldest === key) return;
      this.delete(oldest);
    }
  }

  private delete(key: string): void {
    const row = this.rows.get(key);
    if (!row) return;
    this.rows.delete(key);
    this.weight -= row.weight;
  }
}
