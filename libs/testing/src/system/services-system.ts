import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { registryBootstrap } from '@mcpgw/contracts';
import { connectNatsBus } from '@mcpgw/platform-bus';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '@mcpgw/platform-database';
import { freePort, startNatsServer, type NatsServer } from '../bus/nats-server.js';
import { Child, until, WORKSPACE } from './child.js';
import { runCommand, type System } from './system.js';

export const SERVICES = ['edge', 'registry', 'policy', 'audit', 'billing', 'runner', 'admin'] as const;

/**
 * Seven processes of their own on a real nats-server and a real Postgres, which can be killed and restarted like them. With
 * more than one edge, the others are called `edge-2`, `edge-3`: the same program, ports and data folders of their own.
 */
export async function startServicesSystem(environment: NodeJS.ProcessEnv = {}, edges = 1): Promise<System> {
  const names = [...SERVICES, ...Array.from({ length: edges - 1 }, (_, index) => `edge-${index + 2}`)];
  const directory = mkdtempSync(path.join(tmpdir(), 'mcpgw-services-'));
  const children = new Map<string, Child>();
  let nats: NatsServer = await startNatsServer();
  let postgres: EmbeddedPostgres = await startEmbeddedPostgres({ directory: path.join(directory, 'postgres'), listen: 'tcp', port: await freePort() });
  const databaseUrl = postgres.url;
  const adminPort = await freePort();
  const edgePorts = new Map<string, number>();
  for (const name of names.filter(isEdge)) edgePorts.set(name, await freePort());
  const metrics = new Map<string, number>();
  for (const service of names) metrics.set(service, await freePort());
  const start = (service: string): void => {
    const settings = {
      MCPGW_NATS_URL: nats.url,
      MCPGW_DATABASE_URL: databaseUrl,
      MCPGW_DATA_DIR: path.join(directory, 'data', service),
      MCPGW_KEYS_DIR: path.join(directory, 'keys'),
      MCPGW_EDGE_PORT: String(edgePorts.get(service) ?? edgePorts.get('edge')),
      MCPGW_ADMIN_PORT: String(adminPort),
      MCPGW_METRICS_PORT: String(metrics.get(service)),
      MCPGW_RUNNER_ALLOWED_MOUNTS: `${WORKSPACE}:${directory}`,
      ...environment,
    };
    const app = isEdge(service) ? 'edge' : service;
    children.set(service, Child.start(service, [process.execPath, '--enable-source-maps', path.join(WORKSPACE, `apps/${app}/dist/main.js`)], settings, directory));
  };
  const ready = (service: string): Promise<unknown> =>
    until(
      `${service} is ready`,
      async () => {
        if (!children.get(service)?.running()) throw new Error(`${service} ended:\n${children.get(service)?.log()}`);
        return (await fetch(`http://127.0.0.1:${metrics.get(service)}/readyz`)).ok;
      },
      60_000,
    );
  // The edge first and the registry last: each must wait for what it needs.
  for (const service of names) start(service);
  await Promise.all(names.map(ready)).catch((error: unknown) => {
    throw new Error(`The services did not become ready:\n${[...children.values()].map((child) => `--- ${child.name}\n${child.log().slice(-2_000)}`).join('\n')}`, { cause: error });
  });
  const bus = await connectNatsBus({ url: nats.url, name: 'test', onFault: () => {}, onWaiting: () => {} });
  const { adminToken } = await bus.request(registryBootstrap, {});
  await bus.close();
  const adminUrl = `http://127.0.0.1:${adminPort}`;
  const edgeUrls = [...edgePorts.values()].map((port) => `http://127.0.0.1:${port}`);
  return {
    kind: 'services',
    directory,
    dataDir: path.join(directory, 'data'),
    edgeUrl: edgeUrls[0] as string,
    edgeUrls,
    adminUrl,
    adminToken: adminToken ?? '',
    databaseUrl,
    children,
    mcpgw: (args, options) => runCommand(args, { MCPGW_ADMIN_URL: adminUrl, MCPGW_ADMIN_TOKEN: adminToken ?? '', MCPGW_DATA_DIR: path.join(directory, 'cli'), ...options?.environment }, options?.input),
    logs: () => [...children.values()].map((child) => child.log()).join('\n'),
    stop: async (service, signal) => {
      if (service === 'nats') return nats.stop(signal);
      if (service !== 'postgres') return void (await children.get(service)?.stop(signal));
      process.kill(postgres.pid, signal);
      await until('Postgres has ended', () => !alive(postgres.pid));
    },
    start: async (service) => {
      if (service === 'nats') nats = await startNatsServer({ port: Number(new URL(nats.url).port) });
      else if (service === 'postgres') postgres = await startEmbeddedPostgres({ directory: path.join(directory, 'postgres'), listen: 'tcp', port: Number(new URL(databaseUrl).port) });
      else {
        start(service);
        await ready(service);
      }
    },
    close: async () => {
      await Promise.all([...children.values()].map((child) => child.stop()));
      await nats.stop();
      await postgres.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function isEdge(service: string): boolean {
  return service === 'edge' || service.startsWith('edge-');
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
