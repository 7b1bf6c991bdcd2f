import { isIdle, spend, type Allowance, type Meter, type Rate } from './gcra.js';

/** One limit that a call falls under. The same key always comes with the same rate: a changed limit is a new key. */
export interface Charge {
  readonly key: string;
  readonly rate: Rate;
}

export type Verdict =
  | { readonly allowed: true; readonly tightest: Allowance | undefined; readonly charge: Charge | undefined }
  | { readonly allowed: false; readonly cause: 'spent'; readonly tightest: Allowance; readonly charge: Charge }
  /** No room to remember another key: the call is refused, because an uncounted call would be an unlimited one. */
  | { readonly allowed: false; readonly cause: 'table-full'; readonly retryAfterMs: number };

interface Row {
  readonly rate: Rate;
  meter: Meter;
}

export const DEFAULT_MAX_KEYS = 100_000;
const SWEEP_EVERY_MS = 1_000;

/**
 * The meters of many keys, at most `maxKeys`. At the bound, keys whose burst is whole again are forgotten; when there are
 * none, calls that need a new key are refused. A sweep looks at every key, so it happens once a second at most, however
 * many new keys knock.
 */
export class MeterTable {
  private readonly rows = new Map<string, Row>();
  private sweptAtMs = Number.NEGATIVE_INFINITY;

  constructor(private readonly maxKeys: number = DEFAULT_MAX_KEYS) {}

  get size(): number {
    return this.rows.size;
  }

  /** Spends one call of every charge, or of none when any of them refuses. `tightest` is the one with the least left. */
  spend(charges: readonly Charge[], nowMs: number): Verdict {
    const missing = charges.reduce((count, charge) => count + (this.rows.has(charge.key) ? 0 : 1), 0);
    if (missing > 0 && !this.makeRoom(missing, nowMs)) return { allowed: false, cause: 'table-full', retryAfterMs: SWEEP_EVERY_MS };

    let tightest: { allowance: Allowance; charge: Charge } | undefined;
    const meters: Meter[] = [];
    for (const charge of charges) {
      const allowance = spend(this.rows.get(charge.key)?.meter, charge.rate, nowMs);
      meters.push(allowance.meter);
      if (!tightest || isTighter(allowance, tightest.allowance)) tightest = { allowance, charge };
    }
    if (tightest && !tightest.allowance.allowed) return { allowed: false, cause: 'spent', tightest: tightest.allowance, charge: tightest.charge };
    charges.forEach((charge, index) => this.rows.set(charge.key, { rate: charge.rate, meter: meters[index] as Meter }));
    return { allowed: true, tightest: tightest?.allowance, charge: tightest?.charge };
  }

  private makeRoom(wanted: number, nowMs: number): boolean {
    if (this.rows.size + wanted <= this.maxKeys) return true;
    if (nowMs - this.sweptAtMs < SWEEP_EVERY_MS && nowMs >= this.sweptAtMs) return false;
    this.sweptAtMs = nowMs;
    for (const [key, row] of this.rows) if (isIdle(row.meter, row.rate, nowMs)) this.rows.delete(key);
    return this.rows.size + wanted <= this.maxKeys;
  }
}

/** Refusals first, the longest wait among them; then the least remaining. */
function isTighter(one: Allowance, other: Allowance): boolean {
  if (one.allowed !== other.allowed) return !one.allowed;
  return one.allowed ? one.remaining < other.remaining : one.retryAfterMs > other.retryAfterMs;
}
