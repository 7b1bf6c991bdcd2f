import { GatewayError, type billingUsage, type UsageDimension, type UsageRow } from '@mcpgw/contracts';
import { transaction } from '@mcpgw/platform-database';
import type pg from 'pg';
import type { z } from 'zod';

export type UsageQuery = z.output<typeof billingUsage.request>;

/** Beyond this a reply would not fit the bus; the caller is asked to narrow it down. */
const MAX_ROWS = 10_000;

/** The SQL of each dimension. Fixed text: nothing of a request becomes SQL. */
const COLUMNS: Readonly<Record<UsageDimension, string>> = {
  organization: 'organization',
  consumer: 'consumer',
  server: 'server',
  tool: `server || '/' || tool`,
  hour: `to_char(hour AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')`,
};
const SUMS = ['calls', 'errors', 'unknown', 'duration_us', 'bytes_in', 'bytes_out'] as const;

export interface CountedUsage {
  readonly rows: UsageRow[];
  /** The next index to count, by organization, as it was when the rows were read. */
  readonly cursors: ReadonlyMap<string, number>;
}

/**
 * Counted usage by the dimensions asked for, in their order. Usage is kept by the hour: a range takes in each hour that it
 * touches. Errors: `invalid_params` for a date that is none, or more than 10,000 rows.
 */
export async function reportUsage(pool: pg.Pool, query: UsageQuery): Promise<CountedUsage> {
  const by = [...new Set(query.by)];
  const parameters = [query.organization ?? null, instant('from', query.from), instant('to', query.to)];
  const columns = by.map((dimension) => `${COLUMNS[dimension]} AS ${dimension}`);
  const positions = by.map((_, index) => index + 1).join(', ');
  const sql = `SELECT ${[...columns, ...SUMS.map((sum) => `sum(${sum})::text AS ${sum}`)].join(', ')} FROM usage_window
    WHERE ($1::text IS NULL OR organization = $1)
      AND ($2::timestamptz IS NULL OR hour > $2::timestamptz - interval '1 hour') AND ($3::timestamptz IS NULL OR hour < $3::timestamptz)
    GROUP BY ${positions} ORDER BY ${positions} LIMIT ${MAX_ROWS + 1}`;
  const { rows, cursors } = await transaction(pool, async (client) => {
    await client.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY'); // rows and cursors of one moment
    return { rows: (await client.query<Record<string, string>>(sql, parameters)).rows, cursors: (await client.query<{ organization: string; next_index: string }>('SELECT organization, next_index FROM usage_cursor')).rows };
  });
  if (rows.length > MAX_ROWS) throw new GatewayError('invalid_params', `The usage has more than ${MAX_ROWS} rows: ask for a shorter time range, one organization or fewer dimensions.`);
  return { rows: rows.map((row) => usageRowOf(by, row)), cursors: new Map(cursors.map((cursor) => [cursor.organization, Number(cursor.next_index)])) };
}

/** How many committed entries are not counted yet. */
export function lagOf(heads: ReadonlyMap<string, number>, cursors: ReadonlyMap<string, number>, organization?: string): number {
  let lag = 0;
  for (const [name, size] of heads) if (organization === undefined || name === organization) lag += Math.max(0, size - (cursors.get(name) ?? 0));
  return lag;
}

function usageRowOf(by: readonly UsageDimension[], row: Readonly<Record<string, string>>): UsageRow {
  const sum = (name: (typeof SUMS)[number]): number => Number(row[name]);
  return {
    ...Object.fromEntries(by.map((dimension) => [dimension, row[dimension]])),
    calls: sum('calls'),
    errors: sum('errors'),
    unknown: sum('unknown'),
    durationMs: sum('duration_us') / 1_000,
    bytesIn: sum('bytes_in'),
    bytesOut: sum('bytes_out'),
  };
}

function instant(field: 'from' | 'to', text: string | undefined): string | null {
  if (text === undefined) return null;
  const parsed = new Date(text);
  if (Number.isNaN(parsed.getTime()) || !/^\d{4}-\d{2}-\d{2}/.test(text)) throw new GatewayError('invalid_params', `"${text}" in \`${field}\` is not an ISO 8601 date, such as 2026-11-22T09:00:00Z.`);
  return parsed.toISOString();
}
