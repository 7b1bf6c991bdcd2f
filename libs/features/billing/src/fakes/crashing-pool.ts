import type pg from 'pg';

export class Crash extends Error {}

type Query = (...parameters: unknown[]) => Promise<unknown>;

/**
 * A pool that dies at its `step`th statement, before Postgres has it or after Postgres has answered: the two moments at which
 * a process can end between two awaits. From then on it answers nothing, as a dead process does.
 */
export function crashingPool(pool: pg.Pool, step: number, moment: 'before' | 'after'): { readonly pool: pg.Pool; readonly crashed: () => boolean } {
  let steps = 0;
  let dead = false;
  const guarded =
    (query: Query): Query =>
    async (...parameters) => {
      if (dead) throw new Crash();
      const last = steps++ === step;
      if (last) dead = true;
      if (last && moment === 'before') throw new Crash();
      const result = await query(...parameters);
      if (dead) throw new Crash();
      return result;
    };
  const connect = async (): Promise<unknown> => {
    if (dead) throw new Crash();
    const client = await pool.connect();
    // A dead process's connection closes: what it had not committed is rolled back.
    return { query: guarded(client.query.bind(client) as Query), release: () => client.release(dead) };
  };
  return { pool: { query: guarded(pool.query.bind(pool) as Query), connect } as unknown as pg.Pool, crashed: () => dead };
}
