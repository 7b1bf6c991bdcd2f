import type { UsageWindow } from '@mcpgw/core-rating';
import type pg from 'pg';

/**
 * One statement, so one transaction: the cursor moves only from where the page began, and windows grow only when it moved.
 * A crash before the commit leaves both as they were; whoever counts the same page a second time finds the cursor gone on
 * and adds nothing.
 */
const ADD_PAGE = `
WITH moved AS (
  UPDATE usage_cursor SET next_index = $3 WHERE organization = $1 AND next_index = $2 RETURNING organization
), page AS (
  SELECT * FROM moved CROSS JOIN unnest($4::timestamptz[], $5::text[], $6::text[], $7::text[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[])
    AS u (hour, consumer, server, tool, calls, errors, unknown, duration_us, bytes_in, bytes_out)
), added AS (
  INSERT INTO usage_window AS w (organization, hour, consumer, server, tool, calls, errors, unknown, duration_us, bytes_in, bytes_out)
  SELECT organization, hour, consumer, server, tool, calls, errors, unknown, duration_us, bytes_in, bytes_out FROM page ORDER BY hour, consumer, server, tool
  ON CONFLICT (organization, hour, consumer, server, tool) DO UPDATE SET
    calls = w.calls + excluded.calls, errors = w.errors + excluded.errors, unknown = w.unknown + excluded.unknown,
    duration_us = w.duration_us + excluded.duration_us, bytes_in = w.bytes_in + excluded.bytes_in, bytes_out = w.bytes_out + excluded.bytes_out
), marked AS (
  INSERT INTO usage_hour AS h (organization, hour) SELECT DISTINCT organization, hour FROM page ORDER BY hour
  ON CONFLICT (organization, hour) DO UPDATE SET changed = true WHERE NOT h.changed
)
SELECT count(*)::int AS moved FROM moved`;

/** Where counted usage is kept. */
export class UsageStore {
  constructor(private readonly pool: pg.Pool) {}

  /** The next index to count, by organization. */
  async cursors(): Promise<Map<string, number>> {
    const { rows } = await this.pool.query<{ organization: string; next_index: string }>('SELECT organization, next_index FROM usage_cursor');
    return new Map(rows.map((row) => [row.organization, Number(row.next_index)]));
  }

  /** Makes the cursors of organizations that have none yet. */
  async open(organizations: readonly string[]): Promise<void> {
    await this.pool.query('INSERT INTO usage_cursor (organization) SELECT unnest($1::text[]) ON CONFLICT DO NOTHING', [organizations]);
  }

  /** Adds the usage of the entries from `from` up to `next`. False when somebody else has counted them: nothing is added then. */
  async addPage(organization: string, from: number, next: number, windows: readonly UsageWindow[]): Promise<boolean> {
    const column = <T>(read: (window: UsageWindow) => T): T[] => windows.map(read);
    const { rows } = await this.pool.query<{ moved: number }>(ADD_PAGE, [
      organization,
      from,
      next,
      column(({ hour }) => new Date(hour).toISOString()),
      column(({ consumer }) => consumer),
      column(({ server }) => server),
      column(({ tool }) => tool),
      column(({ calls }) => calls),
      column(({ errors }) => errors),
      column(({ unknown }) => unknown),
      column(({ durationUs }) => durationUs),
      column(({ bytesIn }) => bytesIn),
      column(({ bytesOut }) => bytesOut),
    ]);
    return rows[0]?.moved === 1;
  }
}
