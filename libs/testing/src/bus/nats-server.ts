import { spawn, spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';

export interface NatsServer {
  readonly url: string;
  readonly pid: number;
  stop(signal?: NodeJS.Signals): Promise<void>;
}

/** Debian puts servers where an ordinary user's PATH doesn't look. */
const ENVIRONMENT = { PATH: `${process.env['PATH']}:/usr/sbin:/sbin` };

/** Starts a real nats-server on loopback. Throws what to install where there is none. `port`: the same again after a stop. */
export async function startNatsServer(options: { readonly port?: number } = {}): Promise<NatsServer> {
  if (spawnSync('nats-server', ['--version'], { env: ENVIRONMENT }).error) throw new Error('nats-server is not installed: apt-get install -y nats-server (or put one of 2.9 or newer on the PATH).');
  const port = options.port ?? (await freePort());
  const directory = mkdtempSync(path.join(tmpdir(), 'mcpgw-nats-'));
  const config = path.join(directory, 'nats.conf');
  writeFileSync(config, `listen: "127.0.0.1:${port}"\nmax_payload: 8MB\n`);
  const child = spawn('nats-server', ['-c', config], { stdio: ['ignore', 'ignore', 'pipe'], env: ENVIRONMENT });
  let output = '';
  child.stderr.on('data', (chunk: Buffer) => (output = (output + chunk.toString()).slice(-4_096)));
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  await untilListening(port, () => (child.exitCode === null ? undefined : output));
  return {
    url: `nats://127.0.0.1:${port}`,
    pid: child.pid as number,
    stop: async (signal = 'SIGTERM') => {
      child.kill(signal);
      await exited;
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

const LOWEST_PORT = 10_000;
/** Above it begins where the kernel takes ports for outgoing connections: one of those could be gone by the time it is used. */
const HIGHEST_PORT = 32_000;

/** A port of 127.0.0.1 that nobody listens on, and nobody gets by chance either. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const port = randomInt(LOWEST_PORT, HIGHEST_PORT);
    const free = await new Promise<boolean>((resolve) => {
      const probe = createServer();
      probe.once('error', () => resolve(false));
      probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
    });
    if (free) return port;
  }
  throw new Error('no free port was found');
}

async function untilListening(port: number, failure: () => string | undefined): Promise<void> {
  const deadline = Date.now() + 10_000;
  for (;;) {
    const failed = failure();
    if (failed !== undefined) throw new Error(`nats-server ended:\n${failed}`);
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => {
        socket.destroy();
        resolve(true);
      });
      socket.once('error', () => resolve(false));
    });
    if (open) return;
    if (Date.now() > deadline) throw new Error(`nats-server did not listen within 10 s:\n${failure() ?? ''}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
