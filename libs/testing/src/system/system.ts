import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Child, until, WORKSPACE } from './child.js';

export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A whole gateway under test, as one process or as seven on a real NATS: the same suite runs on both. */
export interface System {
  readonly kind: 'gateway' | 'services';
  readonly directory: string;
  readonly dataDir: string;
  readonly edgeUrl: string;
  /** Of every edge, the first of which is `edgeUrl`. */
  readonly edgeUrls: readonly string[];
  readonly adminUrl: string;
  readonly adminToken: string;
  /** Where an administrator's connection to its database goes, as superuser. */
  readonly databaseUrl: string;
  /** The `mcpgw` command as a person would run it. */
  mcpgw(args: readonly string[], options?: { readonly input?: string; readonly environment?: NodeJS.ProcessEnv }): Promise<CommandResult>;
  /** All logs so far. */
  logs(): string;
  /** The processes of the product, by service (`gateway` when they are one). */
  readonly children: ReadonlyMap<string, Child>;
  /** Ends a service (`nats` and `postgres` too, where they are processes of their own) and waits until it is gone. */
  stop(service: string, signal: NodeJS.Signals): Promise<void>;
  /** Starts it again with the same settings and data, and waits until it is ready. */
  start(service: string): Promise<void>;
  close(): Promise<void>;
}

export const COMMAND = path.join(WORKSPACE, 'apps/cli/bin/mcpgw.mjs');

export function runCommand(args: readonly string[], environment: NodeJS.ProcessEnv, input?: string): Promise<CommandResult> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [COMMAND, ...args], { env: { PATH: process.env['PATH'], ...environment }, maxBuffer: 64 * 1024 * 1024, timeout: 120_000 }, (error, stdout, stderr) => {
      const code = error ? (typeof error.code === 'number' ? error.code : 1) : 0;
      resolve({ code, stdout, stderr });
    });
    child.stdin?.on('error', () => {});
    child.stdin?.end(input ?? '');
  });
}

/** The command's JSON document; throws what it said when it failed. */
export async function json<T>(system: System, ...args: string[]): Promise<T> {
  const result = await system.mcpgw([...args, '--json']);
  if (result.code !== 0) throw new Error(`mcpgw ${args.join(' ')} exited with ${result.code}:\n${result.stderr}${result.stdout}`);
  return JSON.parse(result.stdout) as T;
}

/** A new key of this consumer. */
export async function createKey(system: System, organization: string, consumer: string): Promise<{ id: string; key: string }> {
  return json(system, 'key', 'create', '--organization', organization, '--consumer', consumer);
}

/** Applies a configuration file and waits until every server of it has been asked what it offers. */
export async function applyFile(system: System, file: string): Promise<void> {
  const result = await system.mcpgw(['apply', '-f', file, '--json']);
  if (result.code !== 0) throw new Error(`apply failed:\n${result.stderr}${result.stdout}\n${system.logs().slice(-4_000)}`);
  await until(
    'all servers are ready',
    async () => {
      const { servers } = await json<{ servers: { health: { state: string } }[] }>(system, 'server', 'list');
      return servers.every((server) => server.health.state === 'ready');
    },
    45_000,
  );
}

export function readJson<T>(file: string): T {
  return JSON.parse(readFileSync(file, 'utf8')) as T;
}

export async function restart(system: System, service: string, signal: NodeJS.Signals): Promise<void> {
  await system.stop(service, signal);
  await system.start(service);
}
