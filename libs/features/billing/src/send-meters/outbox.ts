import type pg from 'pg';
import type { Outcome } from './after-send.js';
import type { OutboxEvent } from './meter-provider.js';

interface Row {
  readonly identifier: string;
  readonly organization: string;
  readonly meter: string;
  readonly customer: string;
  readonly value: string;
  readonly hour: Date;
  readonly attempts: number;
  readonly uncertain_since: Date | null;
}

export interface OutboxFigures {
  readonly pending: number;
  readonly needsReconcile: number;
}

export interface FailedEvent {
  readonly identifier: string;
  readonly reason: string;
}

/**
 * Locks due events to this process until `leased_until` and says what they were before. From here on a try may have happened:
 * should the process die, the event counts as tried at the time of the claim.
 */
const CLAIM = `
WITH due AS (
  SELECT identifier, attempts, uncertain_since FROM meter_outbox
  WHERE state = 'pending' AND (leased_until IS NULL OR leased_until <= $1) AND ($2 OR next_try_at IS NULL OR next_try_at <= $1) AND NOT identifier = ANY ($5::text[])
  ORDER BY hour, identifier LIMIT $3 FOR UPDATE SKIP LOCKED
)
UPDATE meter_outbox o SET attempts = o.attempts + 1, leased_until = $4, uncertain_since = coalesce(o.uncertain_since, $1)
FROM due WHERE o.identifier = due.identifier
RETURNING o.identifier, o.organization, o.meter, o.customer, o.value, o.hour, due.attempts, due.uncertain_since`;

/** Meter events on their way out. */
export class Outbox {
  constructor(private readonly pool: pg.Pool) {}

  /** `evenIfDelayed` overrides the delay after a failed try, not a lease; `except` are events already tried in this run. */
  async claim(options: { readonly nowMs: number; readonly leaseMs: number; readonly limit: number; readonly evenIfDelayed: boolean; readonly except: readonly string[] }): Promise<readonly OutboxEvent[]> {
    const { nowMs, leaseMs, limit, evenIfDelayed, except } = options;
    const { rows } = await this.pool.query<Row>(CLAIM, [new Date(nowMs), evenIfDelayed, limit, new Date(nowMs + leaseMs), except]);
    return rows.map(eventOf);
  }

  async settle(identifier: string, outcome: Outcome, nowMs: number): Promise<void> {
    await this.pool.query('UPDATE meter_outbox SET state = $2, uncertain_since = $3, next_try_at = $4, problem = $5, leased_until = NULL, sent_at = $6 WHERE identifier = $1', [
      identifier,
      outcome.state,
      date(outcome.uncertainSinceMs),
      date(outcome.nextTryMs),
      outcome.problem ?? null,
      outcome.state === 'sent' ? new Date(nowMs) : null,
    ]);
  }

  async figures(): Promise<OutboxFigures> {
    const { rows } = await this.pool.query<{ state: string; count: string }>("SELECT state, count(*) AS count FROM meter_outbox WHERE state <> 'sent' GROUP BY state");
    const count = (state: string): number => Number(rows.find((row) => row.state === state)?.count ?? 0);
    return { pending: count('pending'), needsReconcile: count('needs_reconcile') };
  }

  /** The oldest events that somebody must look at. */
  async troubled(limit: number): Promise<readonly FailedEvent[]> {
    const { rows } = await this.pool.query<FailedEvent>("SELECT identifier, problem AS reason FROM meter_outbox WHERE state <> 'sent' AND problem IS NOT NULL ORDER BY state, hour, identifier LIMIT $1", [limit]);
    return rows;
  }
}

function eventOf(row: Row): OutboxEvent {
  const { identifier, organization, meter, customer, attempts } = row;
  return { identifier, organization, meter, customer, attempts, value: Number(row.value), hourMs: row.hour.getTime(), uncertainSinceMs: row.uncertain_since?.getTime() };
}

function date(instantMs: number | undefined): Date | null {
  return instantMs === undefined ? null : new Date(instantMs);
}
