import { spawn, type ChildProcess } from 'node:child_process';
import path from 'node:path';
import type { GatewayConfig } from '@mcpgw/contracts';
import { inheritedEnvironment } from '@mcpgw/platform-runtime/config';
import { INSTALLATION } from './first-run.js';

/** Folders that the runner may mount into sandboxes, joined by colons. */
export const ALLOWED_MOUNTS = 'MCPGW_RUNNER_ALLOWED_MOUNTS';
export const GATEWAY_MAIN = path.join(INSTALLATION, 'apps/gateway/dist/main.js');
/** Ends the gateway when its standard input ends, that is when this command is gone, however it went. */
const END_WITH_PARENT = path.resolve(import.meta.dirname, 'end-with-parent.js');

export interface SpawnOptions {
  readonly dataDir: string;
  readonly configFile: string | undefined;
  /** What the gateway says on standard output names keys: `ignore` where a program would take it for protocol, or log it. */
  readonly output: 'inherit' | 'ignore';
  readonly environment: Readonly<Record<string, string>>;
}

/** The whole gateway as a child process, with the settings that `npm start` gives it. */
export function spawnGateway({ dataDir, configFile, output, environment }: SpawnOptions): ChildProcess {
  // What points this command at another gateway must not point the child's own commands there.
  const { MCPGW_ADMIN_URL: _url, MCPGW_ADMIN_TOKEN: _token, MCPGW_EDGE_URL: _edge, MCPGW_CONSUMER_KEY: _key, ...inherited } = inheritedEnvironment();
  const data = path.resolve(dataDir);
  const folders = [INSTALLATION, data, ...(configFile === undefined ? [] : [path.dirname(path.resolve(configFile))])];
  return spawn(process.execPath, ['--import', END_WITH_PARENT, GATEWAY_MAIN], {
    stdio: ['pipe', output, 'inherit'],
    env: {
      ...inherited,
      [ALLOWED_MOUNTS]: inherited[ALLOWED_MOUNTS] ?? folders.join(':'),
      MCPGW_LOG_FILE: inherited['MCPGW_LOG_FILE'] ?? path.join(data, 'logs/gateway.log'),
      ...environment,
      MCPGW_DATA_DIR: data,
      ...(configFile === undefined ? {} : { MCPGW_CONFIG: path.resolve(configFile) }),
    },
  });
}

/** Folders outside this machine's usual ones that a configuration's servers need: whoever runs the file means them. */
export function mountsOf(config: GatewayConfig): readonly string[] {
  const paths = config.servers.flatMap(({ stdio }) => (stdio ? [...stdio.sandbox.read, ...stdio.sandbox.write.map(({ path: folder }) => folder), ...(stdio.command.startsWith('/') ? [path.dirname(stdio.command)] : [])] : []));
  return [...new Set(paths)];
}
