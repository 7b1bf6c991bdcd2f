import { type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { registryCreateKey } from '@mcpgw/contracts';
import { inheritedEnvironment } from '@mcpgw/platform-runtime/config';
import { z } from 'zod';
import { CliError } from '../cli-error.js';
import { readConfig, send } from '../commands/config.js';
import { Connection } from '../gateway/connection.js';
import { agentFor, endpoint, request, type Endpoint } from '../gateway/endpoint.js';
import { INSTALLATION, readFirstRun } from '../gateway/first-run.js';
import { ALLOWED_MOUNTS, GATEWAY_MAIN, mountsOf, spawnGateway } from '../gateway/spawn-gateway.js';

const START_DEADLINE_MS = 90_000;
const STOP_DEADLINE_MS = 20_000;
const DISCOVERY_DEADLINE_MS = 10_000;
const POLL_MS = 100;
const MOST_FOLDERS = 16;
const KEY_LASTS_SECONDS = 7 * 86_400;

const serverStates = z.object({ servers: z.array(z.object({ health: z.object({ state: z.string() }) })) });

export interface OwnGateway {
  readonly endpoint: Endpoint;
  readonly key: string;
  /** Resolves when the gateway is gone, however. */
  readonly gone: Promise<void>;
  stop(): Promise<void>;
}

/**
 * A gateway of this command's own: it listens on unix sockets in a private folder and on no port, keeps its data beside the
 * configuration, and ends with this process.
 */
export async function startOwnGateway(configFile: string, dataDir: string | undefined, signal: AbortSignal): Promise<OwnGateway> {
  if (!existsSync(GATEWAY_MAIN)) throw new CliError('The gateway is not built yet. Run: npm run build');
  const loaded = readConfig(configFile);
  const data = dataDir ?? freeDataDirectory(path.dirname(path.resolve(configFile)));
  mkdirSync(data, { recursive: true, mode: 0o700 });
  const sockets = mkdtempSync(path.join(tmpdir(), 'mcpgw-'));
  const [edgeSocket, adminSocket] = [path.join(sockets, 'edge.sock'), path.join(sockets, 'admin.sock')];
  const mounts = inheritedEnvironment()[ALLOWED_MOUNTS] ?? [INSTALLATION, data, path.dirname(path.resolve(configFile)), ...mountsOf(loaded.config)].join(':');
  const child = spawnGateway({ dataDir: data, configFile, output: 'ignore', environment: { MCPGW_EDGE_SOCKET: edgeSocket, MCPGW_ADMIN_SOCKET: adminSocket, [ALLOWED_MOUNTS]: mounts, MCPGW_METRICS_PORT: '0' } });
  const gone = once(child, 'exit').then(() => rmSync(sockets, { recursive: true, force: true }));
  const stop = (): Promise<void> => stopChild(child, gone);
  const gateway = new Connection({ dataDir: data, adminSocket, edgeSocket });
  try {
    const at = endpoint(`unix:${edgeSocket}`);
    await ready(child, at, data, signal);
    await send(gateway, loaded, false);
    await serversKnown(gateway, signal);
    return { endpoint: at, key: await keyFor(gateway, loaded.config.consumers), gone, stop };
  } catch (error) {
    await stop();
    throw error;
  } finally {
    await gateway.close();
  }
}

/** Beside the configuration. Another agent that launched the same file has the first folder: each gets its own. */
function freeDataDirectory(folder: string): string {
  for (let number = 1; number <= MOST_FOLDERS; number++) {
    const candidate = path.join(folder, number === 1 ? '.mcpgw-stdio' : `.mcpgw-stdio-${number}`);
    if (!inUse(candidate)) return candidate;
  }
  throw new CliError(`${MOST_FOLDERS} gateways already run on this configuration. End one, or give --data-dir.`);
}

function inUse(data: string): boolean {
  try {
    const pid = Number.parseInt(readFileSync(path.join(data, 'gateway.pid'), 'utf8'), 10);
    return Number.isInteger(pid) && pid > 0 && process.kill(pid, 0);
  } catch {
    return false;
  }
}

async function ready(child: ChildProcess, at: Endpoint, data: string, signal: AbortSignal): Promise<void> {
  const agent = agentFor(at);
  const deadline = Date.now() + START_DEADLINE_MS;
  try {
    for (;;) {
      if (child.exitCode !== null || child.signalCode !== null) throw new CliError(`The gateway could not start (${child.exitCode ?? child.signalCode}); what it said is above, its log is in ${path.join(data, 'logs')}.`);
      if (signal.aborted) throw new CliError('Stopped while starting.');
      if (readFirstRun(data)?.content.consumerKey && (await isReady(at, agent))) return;
      if (Date.now() > deadline) throw new CliError(`The gateway was not ready within ${START_DEADLINE_MS / 1_000} s; its log is in ${path.join(data, 'logs')}.`);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  } finally {
    await agent.destroy();
  }
}

/** Waits, for a while, until each server has been asked what it offers: an agent that lists tools at once should find them. */
async function serversKnown(gateway: Connection, signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + DISCOVERY_DEADLINE_MS;
  const admin = gateway.admin();
  while (!signal.aborted && Date.now() < deadline) {
    const { servers } = await admin.call('GET', 'servers', serverStates);
    if (servers.every(({ health }) => health.state !== 'pending')) return;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

async function isReady(at: Endpoint, agent: ReturnType<typeof agentFor>): Promise<boolean> {
  try {
    const { statusCode, body } = await request(`${at.url}/readyz`, { dispatcher: agent, signal: AbortSignal.timeout(2_000) });
    await body.dump();
    return statusCode === 200;
  } catch {
    return false;
  }
}

/** The key of the first run, unless its consumer is no longer in the file: then a short-lived one of the first that is. */
async function keyFor(gateway: Connection, consumers: readonly { readonly name: string; readonly organization: string; readonly disabled: boolean }[]): Promise<string> {
  const known = gateway.firstRun();
  const usable = consumers.filter(({ disabled }) => !disabled);
  if (known?.consumerKey && usable.some(({ name, organization }) => name === known.consumer && organization === known.organization)) return known.consumerKey;
  const [consumer] = usable;
  if (!consumer) throw new CliError('The configuration declares no consumer to call as. Add one under "consumers".');
  const body = { organization: consumer.organization, consumer: consumer.name, expiresInSeconds: KEY_LASTS_SECONDS };
  return (await gateway.admin().call('POST', 'keys', registryCreateKey.reply, { body })).key;
}

async function stopChild(child: ChildProcess, gone: Promise<void>): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_DEADLINE_MS);
  await gone;
  clearTimeout(timer);
}
