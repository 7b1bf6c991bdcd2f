import { execFile } from 'node:child_process';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { GatewayError, registryBootstrap, registryCreateKey, registryExport, registrySnapshot, type Rpc } from '@mcpgw/contracts';
import { inheritedEnvironment, type CommonConfig, type Logger } from '@mcpgw/platform-runtime';
import type { RunningGateway } from './gateway.js';

/** `<data dir>/first-run.json`, 0600: where the gateway is and how to get in. */
export interface FirstRun {
  readonly edgeUrl: string;
  readonly adminUrl: string;
  readonly organization: string;
  readonly adminToken: string;
  readonly consumer: string;
  readonly consumerKey: string;
}

const FILE = 'first-run.json';
const REGISTRY_DEADLINE_MS = 30_000;
const DISCOVERY_DEADLINE_MS = 6_000;
const POLL_MS = 50;
const ACTOR = 'first run';
const COMMAND = path.resolve(import.meta.dirname, '../../cli/bin/mcpgw.mjs');

/**
 * On the first run: takes the first operator token, applies the configuration, makes a key for the first consumer. On every
 * run: writes where the ports are now. `first` tells which of the two it was.
 */
export async function completeFirstRun(gateway: RunningGateway, common: CommonConfig, logger: Logger): Promise<{ first: boolean; info: FirstRun }> {
  const file = path.join(common.dataDir, FILE);
  const known = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Partial<FirstRun>) : {};
  const { adminToken } = await patiently(gateway, registryBootstrap, {});
  const place = { edgeUrl: gateway.edgeUrl ?? `unix:${gateway.config.edgeSocket}`, adminUrl: gateway.adminUrl ?? `unix:${gateway.config.adminSocket}` };
  let info: FirstRun = { organization: '', consumer: '', consumerKey: '', ...known, ...place, adminToken: adminToken ?? known.adminToken ?? '' };
  write(file, info);
  if (adminToken !== null && gateway.config.config) await applyConfiguration(gateway.config.config, common);
  if (!info.consumerKey) {
    info = { ...info, ...(await firstKey(gateway)) };
    write(file, info);
  }
  await serversKnown(gateway, logger);
  return { first: adminToken !== null, info };
}

/** The registry may still be waiting for its database; anything but `unavailable` is a fault. */
async function patiently<Request, Reply>(gateway: RunningGateway, message: Rpc<Request, Reply>, request: Request): Promise<Reply> {
  const deadline = Date.now() + REGISTRY_DEADLINE_MS;
  for (;;) {
    try {
      return await gateway.bus.request(message, request);
    } catch (error) {
      const wait = error instanceof GatewayError && (error.code === 'unavailable' || error.code === 'timeout');
      if (!wait || Date.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }
}

async function applyConfiguration(file: string, common: CommonConfig): Promise<void> {
  try {
    await promisify(execFile)(process.execPath, [COMMAND, 'apply', '-f', path.resolve(file)], { env: { ...inheritedEnvironment(), MCPGW_DATA_DIR: path.resolve(common.dataDir) } });
  } catch (error) {
    const said = (error as { stderr?: string }).stderr?.trim();
    throw new Error(`The configuration ${file} could not be applied:\n${said || String(error)}`, { cause: error });
  }
}

async function firstKey(gateway: RunningGateway): Promise<Pick<FirstRun, 'organization' | 'consumer' | 'consumerKey'>> {
  const config = await patiently(gateway, registryExport, {});
  const consumer = config.consumers.find((candidate) => !candidate.disabled);
  if (!consumer) return { organization: config.organizations[0]?.name ?? '', consumer: '', consumerKey: '' };
  const { key } = await gateway.bus.request(registryCreateKey, { actor: ACTOR, organization: consumer.organization, consumer: consumer.name });
  return { organization: consumer.organization, consumer: consumer.name, consumerKey: key };
}

/** Waits, a few seconds at most, until every server has been asked what it offers; those that failed show in `mcpgw status`. */
async function serversKnown(gateway: RunningGateway, logger: Logger): Promise<void> {
  const deadline = Date.now() + DISCOVERY_DEADLINE_MS;
  for (;;) {
    const { changed } = await patiently(gateway, registrySnapshot, { known: {} });
    const pending = changed.flatMap((view) => view.servers.filter((server) => server.health.state === 'pending').map((server) => server.config.name));
    if (pending.length === 0) return;
    if (Date.now() > deadline) return logger.warn({ pending }, 'some servers have not answered yet');
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

function write(file: string, info: FirstRun): void {
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, `${JSON.stringify(info, null, 2)}\n`, { mode: 0o600 });
  renameSync(draft, file);
}
