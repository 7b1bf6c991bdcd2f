import type { Command } from 'commander';
import { EXIT } from '../cli-error.js';
import { Connection } from '../gateway/connection.js';
import { examples, perform, type Context } from '../perform.js';
import { DEFAULT_DATA_DIR } from '../settings.js';
import { StdioBridge } from '../stdio/bridge.js';
import { EdgeLink, type Whereabouts } from '../stdio/edge-link.js';
import { startOwnGateway } from '../stdio/own-gateway.js';
import { serveStdio, writeLine } from '../stdio/serve.js';

export function addStdioCommand(program: Command): void {
  const stdio = program
    .command('stdio')
    .description('be an MCP server on standard input and output, for an agent that launches its servers')
    .option('--route <name>', 'show this route instead of everything')
    .option('--config <file>', 'run a gateway of its own on this configuration, without any port')
    .option('--consumer-key <key>', 'better in MCPGW_CONSUMER_KEY; else the one of first-run.json');
  perform<{ route?: string; config?: string; consumerKey?: string }>(stdio, async ({ gateway, out }, { route, config, consumerKey }) => {
    const stop = new AbortController();
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stop.abort());
    const own = config === undefined ? undefined : await startOwnGateway(config, gateway.settings.dataDir === DEFAULT_DATA_DIR ? undefined : gateway.settings.dataDir, stop.signal);
    if (own) void own.gone.then(() => stop.abort());
    try {
      const link = new EdgeLink(own ? () => own : runningGateway(gateway, consumerKey), route);
      const bridge = new StdioBridge(link, writeLine, (text) => out.note(text));
      return (await serveStdio(bridge, stop.signal, writeLine)) ? EXIT.ok : EXIT.failed;
    } finally {
      await own?.stop();
    }
  });
  examples(stdio, ['stdio', 'stdio --route support', 'stdio --config ./mcp-gateway.yaml']);
}

/** Looked up anew each time: a gateway that was restarted may have another port, one begun anew another key. */
function runningGateway({ settings }: Context['gateway'], given: string | undefined): Whereabouts {
  return () => {
    const now = new Connection(settings);
    return { endpoint: now.edgeEndpoint(), key: now.consumerKey(given) };
  };
}
