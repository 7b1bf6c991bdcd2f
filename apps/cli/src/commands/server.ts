import path from 'node:path';
import { applyResult, serverConfig, serverHealth, serverView, type ServerConfig, type ServerView } from '@mcpgw/contracts';
import type { Command } from 'commander';
import { z } from 'zod';
import { CliError, EXIT } from '../cli-error.js';
import { loadObject } from '../config-file/load-object.js';
import { plain, table } from '../output/table.js';
import { examples, inPath, perform, repeatable } from '../perform.js';
import { applyText } from './config.js';

const serverList = z.object({
  servers: z.array(z.object({ config: serverConfig, revision: z.int(), health: serverHealth, era: z.string().optional(), tools: z.int(), dropped: z.int() })),
});
const REFRESH_DEADLINE_MS = 70_000;

interface AddOptions {
  readonly organization?: string;
  readonly file?: string;
  readonly url?: string;
  readonly header?: readonly string[];
  readonly env?: readonly string[];
  readonly read?: readonly string[];
  readonly write?: readonly string[];
  readonly network?: string;
  readonly allowPrivateNetwork?: boolean;
  readonly description?: string;
  readonly timeout?: string;
}

export function addServerCommands(program: Command): void {
  const server = program.command('server').description('MCP servers behind the gateway');
  const list = server.command('list').description('all servers with their health').option('--organization <name>');
  perform<{ organization?: string }>(list, async ({ gateway, out }, { organization }) => {
    const reply = await gateway.admin().call('GET', 'servers', serverList, { query: { organization } });
    out.result(reply, () =>
      table(
        ['ORGANIZATION', 'NAME', 'KIND', 'STATE', 'TOOLS', 'PROBLEM'],
        reply.servers.map(({ config, health, tools }) => [config.organization, config.name, config.stdio ? 'stdio' : 'http', health.state, tools, health.problem]),
      ),
    );
  });
  examples(list, ['server list', 'server list --organization acme --json']);
  addReadCommands(server);
  addChangeCommands(server);
}

function addReadCommands(server: Command): void {
  const show = server.command('show').argument('<name>').description('one server and its tools').option('--organization <name>');
  perform<{ organization?: string }>(show, async ({ gateway, out }, options, [name = '']) => {
    const admin = gateway.admin();
    const view = await admin.call('GET', inPath('organizations', await gateway.organization(admin, options.organization), 'servers', name), serverView);
    out.result(view, () => serverText(view));
  });
  examples(show, ['server show files']);

  const refresh = server.command('refresh').argument('<name>').description('ask a server again what it offers').option('--organization <name>');
  perform<{ organization?: string }>(refresh, async ({ gateway, out }, options, [name = '']) => {
    const admin = gateway.admin();
    const at = inPath('organizations', await gateway.organization(admin, options.organization), 'servers', name, 'refresh');
    const view = await admin.call('POST', at, serverView, { timeoutMs: REFRESH_DEADLINE_MS });
    out.result(view, () => serverText(view));
    return view.health.state === 'failed' ? EXIT.failed : EXIT.ok;
  });
  examples(refresh, ['server refresh files']);
}

function addChangeCommands(server: Command): void {
  const add = server
    .command('add')
    .argument('<name>')
    .argument('[command...]', 'program and arguments of a stdio server, after --')
    .description('add or replace a server')
    .option('--organization <name>')
    .option('-f, --file <file>', 'the server as YAML or JSON')
    .option('--url <url>', 'address of an HTTP server')
    .option('--header <name=value>', 'header of an HTTP server; may hold secret://name', repeatable)
    .option('--allow-private-network', 'permit loopback and private addresses')
    .option('--env <name=value>', 'variable of a stdio server; may hold secret://name', repeatable)
    .option('--read <path>', 'folder that a stdio server may read', repeatable)
    .option('--write <path:at>', 'folder that a stdio server may write, and where it sees it', repeatable)
    .option('--network <kind>', 'none or host', 'none')
    .option('--timeout <seconds>', 'longest call')
    .option('--description <text>');
  perform<AddOptions>(add, async ({ gateway, out }, options, [name = '', ...command]) => {
    const admin = gateway.admin();
    const organization = await gateway.organization(admin, options.organization);
    const body = options.file === undefined ? fromOptions(organization, name, command, options) : loadObject(options.file, serverConfig, { organization, name });
    const result = await admin.call('PUT', inPath('organizations', organization, 'servers', name), applyResult, { body });
    out.result(result, () => applyText(result));
  });
  examples(add, ['server add web --url https://mcp.example.com/mcp --header "Authorization=Bearer secret://web/token"', 'server add files --write ./data:/data -- mcp-server-filesystem /data', 'server add crm -f crm.yaml']);

  const remove = server.command('remove').argument('<name>').description('remove a server').option('--organization <name>');
  perform<{ organization?: string }>(remove, async ({ gateway, out }, options, [name = '']) => {
    const admin = gateway.admin();
    const result = await admin.call('DELETE', inPath('organizations', await gateway.organization(admin, options.organization), 'servers', name), applyResult);
    out.result(result, () => applyText(result));
  });
  examples(remove, ['server remove files']);
}

function fromOptions(organization: string, name: string, [command, ...args]: readonly string[], options: AddOptions): ServerConfig {
  if ((options.url === undefined) === (command === undefined)) {
    throw new CliError('Give either --url ADDRESS, or -- PROGRAM ARGUMENTS, or -f FILE.', { exitCode: EXIT.usage, code: 'usage' });
  }
  const common = { organization, name, description: options.description, ...(options.timeout === undefined ? {} : { callTimeoutSeconds: Number(options.timeout) }) };
  const value = options.url === undefined ? { ...common, stdio: stdioOf(command ?? '', args, options) } : { ...common, http: { url: options.url, headers: pairs(options.header, '--header'), allowPrivateNetwork: options.allowPrivateNetwork ?? false } };
  const parsed = serverConfig.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new CliError(parsed.error.issues.map((issue) => `${issue.path.join('.') || name}: ${issue.message}`).join('\n'), { exitCode: EXIT.usage, code: 'usage' });
}

function stdioOf(command: string, args: readonly string[], options: AddOptions): object {
  const write = (options.write ?? []).map((text) => {
    const split = text.lastIndexOf(':');
    return split > 0 ? { path: path.resolve(text.slice(0, split)), at: text.slice(split + 1) } : { path: path.resolve(text), at: path.resolve(text) };
  });
  return {
    command: command.includes('/') ? path.resolve(command) : command,
    args,
    env: pairs(options.env, '--env'),
    sandbox: { read: (options.read ?? []).map((folder) => path.resolve(folder)), write, network: options.network },
  };
}

export function pairs(given: readonly string[] | undefined, option: string): Record<string, string> {
  return Object.fromEntries(
    (given ?? []).map((text) => {
      const split = text.indexOf('=');
      if (split < 1) throw new CliError(`${option} ${text.slice(0, 40)}: write it as name=value.`, { exitCode: EXIT.usage, code: 'usage' });
      return [text.slice(0, split), text.slice(split + 1)];
    }),
  );
}

function serverText({ config, revision, health, definition }: ServerView): string {
  const lines = [
    `${config.organization}/${config.name}  revision ${revision}`,
    `state    ${health.state} since ${health.since}${health.problem ? `: ${plain(health.problem)}` : ''}`,
    config.stdio ? `runs     ${plain([config.stdio.command, ...config.stdio.args].join(' '))}` : `address  ${config.http?.url ?? ''}`,
  ];
  if (!definition) return lines.join('\n');
  lines.push(`speaks   MCP ${definition.protocolVersion} (${definition.era}), ${plain(`${definition.serverInfo.name} ${definition.serverInfo.version}`)}`, '');
  lines.push(table(['TOOL', 'DESCRIPTION'], definition.tools.map((tool) => [tool.name, typeof tool['description'] === 'string' ? tool['description'].slice(0, 100) : ''])));
  for (const { kind, name, reason } of definition.dropped) lines.push(`left out: ${kind} ${plain(name)}: ${plain(reason)}`);
  return lines.join('\n');
}
