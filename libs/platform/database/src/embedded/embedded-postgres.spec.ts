import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { startEmbeddedPostgres } from './embedded-postgres.js';

async function ask(url: string, sql: string): Promise<unknown> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows[0];
  } finally {
    await client.end();
  }
}

/** Processes whose command line names this folder. */
function processesOf(directory: string): readonly string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(directory);
      } catch {
        return false;
      }
    });
}

async function until(condition: () => boolean, what: string): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`not within 10 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe('embedded Postgres', () => {
  let base: string;
  beforeEach(() => {
    base = mkdtempSync(path.join(tmpdir(), 'mcpgw-embedded-')); // 0700, as a checkout under a private home is
  });
  afterEach(() => rmSync(base, { recursive: true, force: true }));

  it('keeps its data over a restart, and keeps it private', async () => {
    const directory = path.join(base, 'postgres');
    const first = await startEmbeddedPostgres({ directory, listen: 'tcp' });
    await ask(first.url, 'CREATE TABLE kept AS SELECT 42 AS answer');
    await first.stop();
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    expect(statSync(`${directory}.password`).mode & 0o777).toBe(0o600);
    const second = await startEmbeddedPostgres({ directory, listen: 'tcp' });
    expect(await ask(second.url, 'SELECT answer FROM kept')).toEqual({ answer: 42 });
    await second.stop();
    expect(processesOf(directory)).toEqual([]);
  }, 60_000);

  it('refuses who does not know the generated password', async () => {
    const server = await startEmbeddedPostgres({ directory: path.join(base, 'postgres'), listen: 'tcp' });
    const url = new URL(server.url);
    url.password = 'guess';
    await expect(ask(url.href, 'SELECT 1')).rejects.toThrow(/password authentication failed/);
    await server.stop();
  }, 60_000);

  it('needs no port when it listens on a socket', async () => {
    const server = await startEmbeddedPostgres({ directory: path.join(base, 'postgres'), listen: 'socket' });
    expect(await ask(server.url, "SELECT current_setting('listen_addresses') AS addresses")).toEqual({ addresses: '' });
    await server.stop();
  }, 60_000);

  it('leaves no process when its launcher is killed', async () => {
    const directory = path.join(base, 'postgres');
    const module = path.resolve(import.meta.dirname, '../../dist/index.js');
    expect(existsSync(module)).toBe(true);
    const launcher = spawn(process.execPath, ['--input-type=module', '-e', `const { startEmbeddedPostgres } = await import(${JSON.stringify(module)}); await startEmbeddedPostgres({ directory: ${JSON.stringify(directory)}, listen: 'tcp' }); console.log('up'); setInterval(() => {}, 1000);`], { stdio: ['ignore', 'pipe', 'inherit'] });
    await new Promise((resolve) => launcher.stdout.once('data', resolve));
    expect(processesOf(directory).length).toBeGreaterThan(1);
    launcher.kill('SIGKILL');
    await until(() => processesOf(directory).length === 0, 'all processes of the database are gone');
  }, 60_000);
});
