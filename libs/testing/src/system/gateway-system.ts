import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Child, until, WORKSPACE } from './child.js';
import { readJson, runCommand, type System } from './system.js';

interface FirstRunFile {
  readonly edgeUrl: string;
  readonly adminUrl: string;
  readonly adminToken: string;
}

/** `apps/gateway`: everything in one process, memory bus, embedded Postgres; free ports, a data folder of its own. */
export async function startGatewaySystem(environment: NodeJS.ProcessEnv = {}, nodeArguments: readonly string[] = []): Promise<System> {
  const directory = mkdtempSync(path.join(tmpdir(), 'mcpgw-system-'));
  const dataDir = path.join(directory, 'data');
  const settings = {
    MCPGW_DATA_DIR: dataDir,
    MCPGW_EDGE_PORT: '0',
    MCPGW_ADMIN_PORT: '0',
    MCPGW_METRICS_PORT: '0',
    MCPGW_RUNNER_ALLOWED_MOUNTS: `${WORKSPACE}:${directory}`,
    ...environment,
  };
  const children = new Map<string, Child>();
  const start = async (): Promise<FirstRunFile> => {
    const child = Child.start('gateway', [process.execPath, '--enable-source-maps', ...nodeArguments, path.join(WORKSPACE, 'apps/gateway/dist/main.js')], settings, directory);
    children.set('gateway', child);
    await until(
      'the gateway is ready',
      () => {
        if (!child.running()) throw new Error(`The gateway ended:\n${child.log()}`);
        return child.log().includes('MCP Gateway is ready');
      },
      60_000,
    );
    return readJson<FirstRunFile>(path.join(dataDir, 'first-run.json'));
  };
  let info = await start().catch((error: unknown) => {
    throw new Error(`The gateway did not start:\n${children.get('gateway')?.log() ?? ''}`, { cause: error });
  });
  return {
    kind: 'gateway',
    directory,
    dataDir,
    get edgeUrl() {
      return info.edgeUrl;
    },
    get edgeUrls() {
      return [info.edgeUrl];
    },
    get adminUrl() {
      return info.adminUrl;
    },
    get adminToken() {
      return info.adminToken;
    },
    databaseUrl: '',
    children,
    mcpgw: (args, options) => runCommand(args, { MCPGW_DATA_DIR: dataDir, ...options?.environment }, options?.input),
    logs: () => [...children.values()].map((child) => child.log()).join('\n'),
    stop: async (service, signal) => {
      await children.get(service)?.stop(signal);
    },
    start: async () => {
      info = await start();
    },
    close: async () => {
      for (const child of children.values()) await child.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
