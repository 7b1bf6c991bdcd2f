import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { testDatabase, type TestDatabase } from '@mcpgw/testing';
import pg from 'pg';
import { migrate } from './migrate.js';
import { createPool } from './pool.js';

describe('migrate', () => {
  let database: TestDatabase;
  let directory: string;
  const add = (name: string, sql: string): void => {
    mkdirSync(path.join(directory, name), { recursive: true });
    writeFileSync(path.join(directory, name, 'migration.sql'), sql);
  };
  beforeAll(async () => {
    database = await testDatabase();
    directory = mkdtempSync(path.join(tmpdir(), 'mcpgw-migrations-'));
  }, 60_000);
  afterAll(async () => {
    await database.close();
    rmSync(directory, { recursive: true });
  });

  it('applies what is missing once, in order, also when several start at once', async () => {
    add('1_one', 'CREATE TABLE steps (n int); INSERT INTO steps VALUES (1)');
    add('2_two', 'INSERT INTO steps VALUES (2)');
    const runs = await Promise.all([1, 2, 3].map(() => migrate(database.url, directory)));
    expect(runs.flat().sort()).toEqual(['1_one', '2_two']);
    expect(await migrate(database.url, directory)).toEqual([]);
  });

  it('takes a failing migration back whole and names it', async () => {
    add('3_three', 'INSERT INTO steps VALUES (3); SELECT nothing');
    await expect(migrate(database.url, directory)).rejects.toThrow(/3_three failed: .*nothing/);
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    expect((await client.query('SELECT n FROM steps ORDER BY n')).rows).toEqual([{ n: 1 }, { n: 2 }]);
    await client.end();
  });

  it('refuses a migration that was edited after it had been applied', async () => {
    add('1_one', 'CREATE TABLE other (n int)');
    await expect(migrate(database.url, directory)).rejects.toThrow(/1_one was edited/);
  });

  it("keeps each service out of the others' schemas", async () => {
    const pool = createPool({ url: database.url, role: 'billing', onError: () => {} });
    await expect(pool.query('SELECT * FROM audit.entry')).rejects.toThrow(/permission denied/);
    await expect(pool.query('CREATE TABLE registry.mine (n int)')).rejects.toThrow(/permission denied/);
    await pool.end();
  });
});
