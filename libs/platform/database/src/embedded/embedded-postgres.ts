import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { findPostgresBinaries } from './binaries.js';
import { chooseIdentity, type PostgresIdentity } from './identity.js';

export interface EmbeddedPostgresOptions {
  /** Folder of its own; made and initialised when absent. */
  readonly directory: string;
  /** `tcp`: 127.0.0.1, any free port. `socket`: a Unix socket in a private folder, no port at all. */
  readonly listen: 'tcp' | 'socket';
  /** This port instead of any free one, with `tcp`. */
  readonly port?: number;
  /** For throw-away databases: no fsync. */
  readonly volatile?: boolean;
  /** Told when the server ends although nobody stopped it. */
  readonly onExit?: (lastLines: string) => void;
}

export interface EmbeddedPostgres {
  /** postgresql://… of its database, with the generated password. */
  readonly url: string;
  /** Process id of the server itself. */
  readonly pid: number;
  stop(): Promise<void>;
}

const USER = 'mcpgw';
const START_DEADLINE_MS = 30_000;
const STOP_DEADLINE_MS = 10_000;
const KEPT_LOG_BYTES = 8_192;

/**
 * The launcher's own guardian: runs the server and ends it as soon as standard input closes, which happens when the launcher
 * exits for whatever reason, SIGKILL included. SIGINT is Postgres' fast shutdown.
 */
const GUARDIAN = `exec 3<&0
"$@" </dev/null 3<&- &
server=$!
trap 'kill -INT $server 2>/dev/null' TERM INT HUP
{ cat <&3 >/dev/null; kill -INT $server 2>/dev/null; } &
watcher=$!
exec 3<&-
while :; do wait $server; status=$?; kill -0 $server 2>/dev/null || break; done
kill $watcher 2>/dev/null
exit $status`;

/** Starts Postgres on this machine for this process alone; resolves when it takes connections. */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const directory = path.resolve(options.directory);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  chmodSync(directory, 0o700);
  const identity = chooseIdentity(findPostgresBinaries(), directory);
  const password = await initialise(directory, identity, options.volatile === true);
  const place = await chooseAddress(options.listen, options.port, identity);
  const url = place.url(password);
  const server = await launchUntilReady(directory, identity, place, options.volatile === true, url('postgres')).catch((error: unknown) => {
    place.remove();
    throw error;
  });
  let stopping = false;
  server.process.once('exit', () => {
    place.remove();
    if (!stopping) options.onExit?.(server.log());
  });
  const stop = async (): Promise<void> => {
    stopping = true;
    await stopServer(server);
  };
  await createDatabase(url('postgres')).catch(async (error: unknown) => {
    await stop();
    throw error;
  });
  return { url: url(USER), pid: Number(readFileSync(path.join(directory, 'cluster/postmaster.pid'), 'utf8').split('\n')[0]), stop };
}

const PREDECESSOR_DEADLINE_MS = 20_000;
const PREDECESSOR = /lock file "postmaster.pid"|is another postmaster|still in use|Address already in use/;

/** After a crash of the launcher its server may still be shutting down, and holds the folder until it is done. */
async function launchUntilReady(directory: string, identity: PostgresIdentity, place: Address, volatile: boolean, url: string): Promise<Server> {
  const deadline = Date.now() + PREDECESSOR_DEADLINE_MS;
  for (;;) {
    const server = launch(directory, identity, place, volatile);
    try {
      await untilReady(url, server);
      return server;
    } catch (error) {
      await stopServer(server);
      if (Date.now() > deadline || !PREDECESSOR.test(server.log())) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

interface Server {
  readonly process: ChildProcess;
  log(): string;
}

/** The password lives beside the cluster, not in it, readable by this user alone. */
async function initialise(directory: string, identity: PostgresIdentity, volatile: boolean): Promise<string> {
  const passwordFile = `${directory}.password`;
  const cluster = path.join(directory, 'cluster');
  if (existsSync(path.join(cluster, 'PG_VERSION')) && existsSync(passwordFile)) return readFileSync(passwordFile, 'utf8').trim();
  rmSync(cluster, { recursive: true, force: true }); // an initdb that was interrupted
  const password = randomBytes(24).toString('base64url');
  writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
  const draft = `${cluster}.draft`;
  rmSync(draft, { recursive: true, force: true });
  const handover = path.join(directory, 'initdb.password');
  writeFileSync(handover, `${password}\n`, { mode: 0o600 });
  if (identity.uid !== undefined) chownSync(handover, identity.uid, identity.uid);
  try {
    await run(identity, [identity.binaries.initdb, '--pgdata', draft, '--username', USER, '--pwfile', handover, '--auth', 'scram-sha-256', '--locale', 'C', '--encoding', 'UTF8', '--no-instructions', ...(volatile ? ['--no-sync'] : [])]);
  } finally {
    rmSync(handover, { force: true });
  }
  renameSync(draft, cluster);
  return password;
}

function run(identity: PostgresIdentity, command: readonly string[]): Promise<void> {
  const [program, ...args] = [...identity.prefix, ...command] as [string, ...string[]];
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env: environment(), ...(identity.uid === undefined ? {} : { uid: identity.uid, gid: identity.uid }) });
    let output = '';
    const keep = (chunk: Buffer): void => void (output = (output + chunk.toString()).slice(-KEPT_LOG_BYTES));
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.once('error', reject);
    child.once('exit', (code) => (code === 0 ? resolve() : reject(new Error(`${path.basename(program)} failed (${code}):\n${output}`))));
  });
}

interface Address {
  readonly settings: readonly string[];
  url(password: string): (database: string) => string;
  remove(): void;
}

async function chooseAddress(listen: 'tcp' | 'socket', wanted: number | undefined, identity: PostgresIdentity): Promise<Address> {
  if (listen === 'tcp') {
    const port = wanted ?? (await freePort());
    return {
      settings: ['listen_addresses=127.0.0.1', `port=${port}`, 'unix_socket_directories='],
      url: (password) => (database) => `postgresql://${USER}:${password}@127.0.0.1:${port}/${database}`,
      remove: () => {},
    };
  }
  // Socket paths are limited to 107 bytes, so the folder is a short one of its own and not in the data folder.
  const directory = mkdtempSync(path.join(tmpdir(), 'mcpgw-pg-'));
  if (identity.uid !== undefined) chownSync(directory, identity.uid, identity.uid);
  return {
    settings: ['listen_addresses=', `unix_socket_directories=${directory}`, 'unix_socket_permissions=0700'],
    url: (password) => (database) => `postgresql://${USER}:${password}@/${database}?host=${encodeURIComponent(directory)}`,
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => (address && typeof address === 'object' ? resolve(address.port) : reject(new Error('no free port'))));
    });
  });
}

function launch(directory: string, identity: PostgresIdentity, place: Address, volatile: boolean): Server {
  const settings = [
    ...place.settings,
    'max_connections=100',
    'shared_buffers=64MB',
    'max_wal_size=512MB',
    'jit=off',
    'log_min_messages=warning',
    ...(volatile ? ['fsync=off', 'synchronous_commit=off', 'full_page_writes=off'] : []),
  ];
  const command = [...identity.prefix, identity.binaries.postgres, '-D', path.join(directory, 'cluster'), ...settings.flatMap((setting) => ['-c', setting])];
  // A process group of its own: Ctrl-C in a terminal reaches the gateway alone, which ends the database last.
  const child = spawn('sh', ['-c', GUARDIAN, 'mcpgw-postgres', ...command], {
    stdio: ['pipe', 'ignore', 'pipe'],
    detached: true,
    env: environment(),
    ...(identity.uid === undefined ? {} : { uid: identity.uid, gid: identity.uid }),
  });
  let output = '';
  child.stderr?.on('data', (chunk: Buffer) => (output = (output + chunk.toString()).slice(-KEPT_LOG_BYTES)));
  child.stdin?.on('error', () => {});
  return { process: child, log: () => output };
}

async function untilReady(url: string, server: Server): Promise<void> {
  const deadline = Date.now() + START_DEADLINE_MS;
  for (;;) {
    if (server.process.exitCode !== null) throw new Error(`The embedded Postgres did not start:\n${server.log()}`);
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
    try {
      await client.connect();
      return;
    } catch (cause) {
      if (Date.now() > deadline) throw new Error(`The embedded Postgres did not answer within ${START_DEADLINE_MS / 1_000} s:\n${server.log()}`, { cause });
      await new Promise((resolve) => setTimeout(resolve, 25));
    } finally {
      await client.end().catch(() => {});
    }
  }
}

async function createDatabase(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rowCount } = await client.query('SELECT FROM pg_database WHERE datname = $1', [USER]);
    if (rowCount === 0) await client.query(`CREATE DATABASE ${USER}`);
  } finally {
    await client.end();
  }
}

async function stopServer(server: Server): Promise<void> {
  if (server.process.exitCode !== null || server.process.signalCode !== null) return;
  const exited = new Promise<void>((resolve) => server.process.once('exit', () => resolve()));
  server.process.stdin?.end(); // the guardian's cue
  const timer = setTimeout(() => server.process.pid && process.kill(-server.process.pid, 'SIGQUIT'), STOP_DEADLINE_MS);
  await exited;
  clearTimeout(timer);
}

function environment(): NodeJS.ProcessEnv {
  return { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };
}
