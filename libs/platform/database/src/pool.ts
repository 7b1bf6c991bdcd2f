import pg from 'pg';

/** Service schemas, each with the role `mcpgw_<name>` that alone may reach it. */
export type DatabaseRole = 'registry' | 'audit' | 'billing';

export interface PoolOptions {
  readonly url: string;
  readonly role: DatabaseRole;
  readonly maxConnections?: number;
  /** Settings of each connection, as `name=value`. */
  readonly settings?: readonly string[];
  /** Told about errors of idle connections (the server went away); the pool replaces them by itself. */
  readonly onError: (error: Error) => void;
}

/** A pool whose connections act as the service's own role and find its schema first. */
export function createPool({ url, role, maxConnections = 4, settings = [], onError }: PoolOptions): pg.Pool {
  const pool = new pg.Pool({
    connectionString: url,
    max: maxConnections,
    connectionTimeoutMillis: 5_000,
    idleTimeoutMillis: 30_000,
    statement_timeout: 30_000,
    application_name: `mcpgw-${role}`,
    options: [`role=mcpgw_${role}`, `search_path=${role}`, ...settings].map((setting) => `-c ${setting}`).join(' '),
  });
  pool.on('error', onError);
  // A connection that breaks between two statements of a transaction tells so by an event; unheard, it would end the process.
  // The next statement fails with the same cause, so there is nothing to do about it here.
  pool.on('connect', (client) => client.on('error', () => {}));
  return pool;
}

/** Runs `work` in one transaction; rolls back on any fault. A connection that fails to roll back is thrown away. */
export async function transaction<T>(pool: pg.Pool, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    await client.query('BEGIN');
    const result = await work(client);
    await client.query('COMMIT');
    return result;
  } catch (error) {
    await client.query('ROLLBACK').catch((cause: Error) => (broken = cause));
    throw error;
  } finally {
    client.release(broken);
  }
}
