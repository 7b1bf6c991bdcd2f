import { createHash, randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import pg from 'pg';

const MIGRATIONS = path.resolve(import.meta.dirname, '../prisma/migrations');
/** Any constant: everybody who migrates this database takes the same lock. */
const LOCK = 727_073_691;

const TABLE = `CREATE TABLE IF NOT EXISTS _prisma_migrations (
  id varchar(36) PRIMARY KEY, checksum varchar(64) NOT NULL, finished_at timestamptz, migration_name varchar(255) NOT NULL,
  logs text, rolled_back_at timestamptz, started_at timestamptz NOT NULL DEFAULT now(), applied_steps_count integer NOT NULL DEFAULT 0)`;

/**
 * Applies what is missing of prisma/migrations, in name order, each in a transaction of its own, under an advisory lock; the
 * table and its SHA-256 checksums are those of `prisma migrate deploy`. Returns the names applied. Refuses to go on when a
 * migration was edited after it had been applied.
 */
export async function migrate(url: string, directory: string = MIGRATIONS): Promise<readonly string[]> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000, application_name: 'mcpgw-migrate' });
  await client.connect();
  try {
    await client.query('SELECT pg_advisory_lock($1)', [LOCK]);
    await client.query(TABLE);
    const { rows } = await client.query<{ migration_name: string; checksum: string }>('SELECT migration_name, checksum FROM _prisma_migrations WHERE rolled_back_at IS NULL AND finished_at IS NOT NULL');
    const applied = new Map(rows.map((row) => [row.migration_name, row.checksum]));
    const done: string[] = [];
    for (const name of migrationNames(directory)) {
      const sql = readFileSync(path.join(directory, name, 'migration.sql'), 'utf8');
      const checksum = createHash('sha256').update(sql).digest('hex');
      const before = applied.get(name);
      if (before === checksum) continue;
      if (before !== undefined) throw new Error(`The migration ${name} was edited after it had been applied. Restore it and add a new one.`);
      await applyOne(client, name, sql, checksum);
      done.push(name);
    }
    return done;
  } finally {
    await client.end();
  }
}

function migrationNames(directory: string): readonly string[] {
  return readdirSync(directory, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort();
}

async function applyOne(client: pg.Client, name: string, sql: string, checksum: string): Promise<void> {
  await client.query('BEGIN');
  try {
    await client.query(sql);
    await client.query('INSERT INTO _prisma_migrations (id, checksum, migration_name, finished_at, applied_steps_count) VALUES ($1, $2, $3, now(), 1)', [randomUUID(), checksum, name]);
    await client.query('COMMIT');
  } catch (cause) {
    await client.query('ROLLBACK');
    throw new Error(`The migration ${name} failed: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

const RETRY_MS = 500;
const SAY_EVERY_MS = 5_000;

/** `migrate`, waiting for a database that can't be reached yet, for as long as it takes. A failed migration rejects. */
export async function migrateWhenReachable(url: string, onWaiting: (message: string) => void, signal?: AbortSignal): Promise<readonly string[]> {
  for (let saidAt = 0; ; ) {
    signal?.throwIfAborted();
    try {
      return await migrate(url);
    } catch (error) {
      if (!isUnreachable(error)) throw error;
      if (Date.now() - saidAt >= SAY_EVERY_MS) {
        saidAt = Date.now();
        const { hostname, port } = new URL(url);
        onWaiting(`Waiting for Postgres at ${hostname}:${port || '5432'}: ${(error as Error).message || 'no connection'}. Start it there, or set MCPGW_DATABASE_URL.`);
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}

/** No server there, a server that is starting or stopping, or a lost connection: time may heal it. */
function isUnreachable(error: unknown): boolean {
  const code = (error as { code?: string }).code ?? '';
  const message = error instanceof Error ? error.message : '';
  return ['ECONNREFUSED', 'ECONNRESET', 'ENOTFOUND', 'EAI_AGAIN', 'ETIMEDOUT', 'EPIPE', 'ENOENT'].includes(code) || /^(57P0[123]|08)/.test(code) || /Connection terminated|timeout expired/.test(message);
}
