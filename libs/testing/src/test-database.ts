import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { migrate, startEmbeddedPostgres, type EmbeddedPostgres } from '@mcpgw/platform-database';
import pg from 'pg';

export interface TestDatabase {
  /** Superuser's URL of a fresh database with every migration applied. */
  readonly url: string;
  close(): Promise<void>;
}

let server: Promise<{ postgres: EmbeddedPostgres; directory: string }> | undefined;
let users = 0;
let count = 0;

/** A database of its own on a real Postgres, one server for each spec file; the last `close` stops the server. */
export async function testDatabase(): Promise<TestDatabase> {
  users += 1;
  server ??= start();
  const { postgres, directory } = await server;
  const name = `test_${process.pid}_${(count += 1)}`;
  await onServer(postgres.url, `CREATE DATABASE ${name}`);
  const url = new URL(postgres.url);
  url.pathname = `/${name}`;
  await migrate(url.href);
  return {
    url: url.href,
    close: async () => {
      users -= 1;
      if (users > 0) return onServer(postgres.url, `DROP DATABASE ${name} WITH (FORCE)`);
      server = undefined;
      await postgres.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

async function start(): Promise<{ postgres: EmbeddedPostgres; directory: string }> {
  const directory = mkdtempSync(path.join(tmpdir(), 'mcpgw-test-'));
  return { directory, postgres: await startEmbeddedPostgres({ directory: path.join(directory, 'postgres'), listen: 'tcp', volatile: true }) };
}

async function onServer(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
