import { testDatabase, type TestDatabase } from '@mcpgw/testing';
import pg from 'pg';
import { createPool, transaction } from './pool.js';

describe('the pool of a service', () => {
  let database: TestDatabase;
  let pool: pg.Pool;
  beforeAll(async () => {
    database = await testDatabase();
    pool = createPool({ url: database.url, role: 'audit', maxConnections: 2, onError: () => {} });
  }, 60_000);
  afterAll(async () => {
    await pool.end();
    await database.close();
  });

  it('survives a connection that is cut between two statements, and the transaction fails', async () => {
    const admin = new pg.Client({ connectionString: database.url });
    await admin.connect();
    const cut = transaction(pool, async (client) => {
      const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
      const ended = new Promise((resolve) => client.once('end', resolve));
      await admin.query('SELECT pg_terminate_backend($1)', [rows[0]?.pid]);
      await ended;
      await client.query('SELECT 1');
    });
    await expect(cut).rejects.toThrow(/connection|terminat/i);
    await expect(transaction(pool, async (client) => (await client.query('SELECT 1 AS one')).rows[0])).resolves.toEqual({ one: 1 });
    await admin.end();
  });

  it('takes everything back when the work fails', async () => {
    const admin = new pg.Client({ connectionString: database.url });
    await admin.connect();
    await admin.query('CREATE TABLE public.kept (n int); GRANT INSERT ON public.kept TO mcpgw_audit');
    const failed = transaction(pool, async (client) => {
      await client.query('INSERT INTO public.kept VALUES (1)');
      throw new Error('after the insert');
    });
    await expect(failed).rejects.toThrow('after the insert');
    expect((await admin.query('SELECT n FROM public.kept')).rows).toEqual([]);
    await admin.end();
  });
});
