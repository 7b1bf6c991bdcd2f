import { once } from 'node:events';
import path from 'node:path';
import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { CliError, EXIT } from '../cli-error.js';
import { GATEWAY_MAIN, spawnGateway } from '../gateway/spawn-gateway.js';
import { examples, perform } from '../perform.js';
import { readConfig } from './config.js';

export function addUpCommand(program: Command): void {
  const up = program.command('up').description('run the gateway in the foreground until Ctrl-C').option('-f, --file <file>', 'configuration that is applied on the first run');
  perform<{ file?: string }>(up, async ({ gateway }, { file }) => {
    if (!existsSync(GATEWAY_MAIN)) throw new CliError('The gateway is not built yet. Run: npm run build');
    // Its faults are better shown now than after the start.
    if (file !== undefined) readConfig(file);
    const { dataDir } = gateway.settings;
    const child = spawnGateway({ dataDir, configFile: file, output: 'inherit', environment: {} });
    // A terminal sends Ctrl-C to both; a second one would end the gateway at once instead of letting it drain.
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => signal === 'SIGINT' && process.stdin.isTTY ? undefined : child.kill(signal === 'SIGHUP' ? 'SIGTERM' : signal));
    const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
    if (signal !== null) throw new CliError(`The gateway was ended by ${signal}. Its data is in ${path.resolve(dataDir)}.`);
    return code ?? EXIT.failed;
  });
  examples(up, ['up', 'up -f mcp-gateway.yaml --data-dir /var/lib/mcpgw']);
}
