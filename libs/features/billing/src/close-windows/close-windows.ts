import { billedUsage, isOver, meterEvents, nextRevision, type MeterEvent, type WindowRevision } from '@mcpgw/core-rating';
import { transaction } from '@mcpgw/platform-database';
import type pg from 'pg';

export interface CloseOptions {
  readonly nowMs: number;
  readonly graceMs: number;
  /** Takes in the hour that is still running: what it holds becomes its first revision, the rest a later one. */
  readonly includeOpenHour: boolean;
}

export interface Closed {
  readonly windows: number;
  /** Hours that could not be closed, with the reason. */
  readonly faults: readonly { readonly organization: string; readonly hour: string; readonly reason: string }[];
}

interface OpenHour {
  readonly organization: string;
  readonly hour: Date;
}

/** A run closes at most this many hours; the next run goes on. */
const MAX_HOURS = 5_000;
const BATCH = 200;

/** Closes every hour that grew since it was last closed and is over. Hours are independent: one that fails stops no other. */
export async function closeWindows(pool: pg.Pool, { nowMs, graceMs, includeOpenHour }: CloseOptions): Promise<Closed> {
  let windows = 0;
  const faults: { organization: string; hour: string; reason: string }[] = [];
  let after: OpenHour | undefined;
  for (let looked = 0; looked < MAX_HOURS; looked += BATCH) {
    const batch = await changedHours(pool, after);
    const due = batch.filter(({ hour }) => (includeOpenHour ? hour.getTime() <= nowMs : isOver(hour.getTime(), nowMs, graceMs)));
    for (const open of due) {
      try {
        if (await closeHour(pool, open, nowMs)) windows += 1;
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        faults.push({ organization: open.organization, hour: open.hour.toISOString(), reason: error.message });
      }
    }
    after = batch.at(-1);
    if (due.length < BATCH) break; // sorted by hour: what follows is not over either
  }
  return { windows, faults };
}

async function changedHours(pool: pg.Pool, after: OpenHour | undefined): Promise<readonly OpenHour[]> {
  const { rows } = await pool.query<OpenHour>(
    `SELECT organization, hour FROM usage_hour WHERE changed AND ($1::timestamptz IS NULL OR (hour, organization) > ($1::timestamptz, $2::text)) ORDER BY hour, organization LIMIT ${BATCH}`,
    [after?.hour ?? null, after?.organization ?? null],
  );
  return rows;
}

/**
 * Writes the next revision of an hour and its meter events in one transaction. The row of `usage_hour` is the lock: counting
 * marks it in the same transaction that adds usage, so usage is either in the sums read here or marks the hour again.
 */
async function closeHour(pool: pg.Pool, open: OpenHour, nowMs: number): Promise<boolean> {
  const key = [open.organization, open.hour];
  return transaction(pool, async (client) => {
    const locked = await client.query('SELECT FROM usage_hour WHERE organization = $1 AND hour = $2 AND changed FOR UPDATE', key);
    if (locked.rowCount === 0) return false;
    const revision = nextRevision(await lastRevision(client, key), await totalOf(client, key));
    if (revision) {
      await writeRevision(client, open, revision, nowMs);
      await writeEvents(client, open, revision.revision, meterEvents(open.organization, open.hour.getTime(), revision));
    }
    await client.query('UPDATE usage_hour SET changed = false WHERE organization = $1 AND hour = $2', key);
    return revision !== undefined;
  });
}

async function totalOf(client: pg.PoolClient, key: readonly unknown[]): Promise<WindowRevision['total']> {
  const { rows } = await client.query<Record<string, string>>(
    'SELECT sum(calls)::text AS calls, sum(duration_us)::text AS duration, sum(bytes_in)::text AS bytes_in, sum(bytes_out)::text AS bytes_out FROM usage_window WHERE organization = $1 AND hour = $2',
    [...key],
  );
  const row = rows[0];
  return billedUsage({ calls: Number(row?.['calls'] ?? 0), durationUs: Number(row?.['duration'] ?? 0), bytesIn: Number(row?.['bytes_in'] ?? 0), bytesOut: Number(row?.['bytes_out'] ?? 0) });
}

async function lastRevision(client: pg.PoolClient, key: readonly unknown[]): Promise<WindowRevision | undefined> {
  const { rows } = await client.query<{ revision: number } & Record<'calls' | 'duration_us' | 'bytes' | 'total_calls' | 'total_duration_us' | 'total_bytes', string>>(
    'SELECT revision, calls, duration_us, bytes, total_calls, total_duration_us, total_bytes FROM window_revision WHERE organization = $1 AND hour = $2 ORDER BY revision DESC LIMIT 1',
    [...key],
  );
  const row = rows[0];
  return row && {
    revision: row.revision,
    delta: { calls: Number(row.calls), durationUs: Number(row.duration_us), bytes: Number(row.bytes) },
    total: { calls: Number(row.total_calls), durationUs: Number(row.total_duration_us), bytes: Number(row.total_bytes) },
  };
}

async function writeRevision(client: pg.PoolClient, open: OpenHour, { revision, delta, total }: WindowRevision, nowMs: number): Promise<void> {
  await client.query(
    `INSERT INTO window_revision (organization, hour, revision, calls, duration_us, bytes, total_calls, total_duration_us, total_bytes, closed_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
    [open.organization, open.hour, revision, delta.calls, delta.durationUs, delta.bytes, total.calls, total.durationUs, total.bytes, new Date(nowMs)],
  );
}

/** An organization without a Stripe customer has revisions and no meter events: nobody would be charged for them. */
async function writeEvents(client: pg.PoolClient, open: OpenHour, revision: number, events: readonly MeterEvent[]): Promise<void> {
  await client.query(
    `INSERT INTO meter_outbox (identifier, organization, hour, revision, meter, value, customer)
     SELECT e.identifier, c.organization, $2, $3, e.meter, e.value, c.customer
     FROM stripe_customer c CROSS JOIN unnest($4::text[], $5::text[], $6::bigint[]) AS e (identifier, meter, value) WHERE c.organization = $1`,
    [open.organization, open.hour, revision, events.map(({ identifier }) => identifier), events.map(({ meter }) => meter), events.map(({ value }) => value)],
  );
}
