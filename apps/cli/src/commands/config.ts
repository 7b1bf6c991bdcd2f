import { existsSync, writeFileSync } from 'node:fs';
import { applyResult, registryExport, type ApplyResult, type GatewayConfig } from '@mcpgw/contracts';
import { inheritedEnvironment } from '@mcpgw/platform-runtime/config';
import type { Command } from 'commander';
import { stringify } from 'yaml';
import { z } from 'zod';
import { CliError, EXIT } from '../cli-error.js';
import { formatFindings, loadConfigFile, type Finding, type LoadedConfig } from '../config-file/index.js';
import { count } from '../output/table.js';
import { examples, perform, type Context } from '../perform.js';

const serverFindings = z.object({ findings: z.array(z.object({ path: z.string(), message: z.string() })) });
const APPLY_DEADLINE_MS = 30_000;

export function addConfigCommands(program: Command): void {
  const apply = program.command('apply').description('make the gateway equal to a configuration file').requiredOption('-f, --file <file>', 'mcp-gateway.yaml or .json').option('--dry-run', 'say what would change, change nothing');
  perform<{ file: string; dryRun?: boolean }>(apply, async ({ gateway, out }, { file, dryRun = false }) => {
    const loaded = readConfig(file);
    const result = await send(gateway, loaded, dryRun);
    out.result(result, () => applyText(result, dryRun));
  });
  examples(apply, ['apply -f mcp-gateway.yaml --dry-run', 'apply -f mcp-gateway.yaml']);

  const validate = program.command('validate').description('check a configuration file without a gateway').requiredOption('-f, --file <file>', 'mcp-gateway.yaml or .json');
  perform<{ file: string }>(validate, async ({ out }, { file }) => {
    const { config } = readConfig(file);
    const counts = Object.entries(config).map(([kind, list]) => `${list.length} ${kind}`);
    out.result({ ok: true, findings: [] }, () => `${file} is valid: ${counts.join(', ')}.`);
  });
  examples(validate, ['validate -f mcp-gateway.yaml']);

  const exporting = program
    .command('export')
    .description('write the configuration of the gateway as a file that apply takes')
    .option('-o, --output <file>', 'file to write; standard output when absent')
    .option('--format <format>', 'yaml or json; from the file name, else yaml')
    .option('--organization <name>', 'this organization only');
  perform<{ output?: string; format?: string; organization?: string; json?: boolean }>(exporting, async ({ gateway, out }, { output, format, organization, json }) => {
    const config = await gateway.admin().call('GET', 'export', registryExport.reply, { query: { organization } });
    const text = render(config, format ?? (json || output?.endsWith('.json') ? 'json' : 'yaml'));
    if (output === undefined) return void process.stdout.write(text);
    writeFileSync(output, text);
    out.result({ file: output }, () => `Written to ${output}.`);
  });
  examples(exporting, ['export -o mcp-gateway.yaml', 'export --organization acme --format json']);
}

/** The file's configuration, or all its faults at once. */
export function readConfig(file: string): LoadedConfig & { readonly config: GatewayConfig } {
  if (!existsSync(file)) throw new CliError(`There is no file ${file}.`, { exitCode: EXIT.usage, code: 'usage' });
  const loaded = loadConfigFile(file, inheritedEnvironment());
  if (!loaded.config) throw faults(loaded.findings);
  return { ...loaded, config: loaded.config };
}

/** Applies; what the gateway finds is shown at its place in the file. */
export async function send(gateway: Context['gateway'], loaded: LoadedConfig & { readonly config: GatewayConfig }, dryRun: boolean): Promise<ApplyResult> {
  try {
    return await gateway.admin().call('POST', 'apply', applyResult, { query: { dryRun }, body: loaded.config, timeoutMs: APPLY_DEADLINE_MS });
  } catch (error) {
    const found = error instanceof CliError ? serverFindings.safeParse(error.data) : undefined;
    if (!found?.success || found.data.findings.length === 0) throw error;
    throw faults(found.data.findings.map(({ path, message }) => loaded.locate(path, message)));
  }
}

function faults(findings: readonly Finding[]): CliError {
  return new CliError(`${formatFindings(findings)}\n${count(findings.length, 'fault')}; nothing was changed.`, { code: 'invalid_params', data: { findings } });
}

function render(config: unknown, format: string): string {
  if (format === 'json') return `${JSON.stringify(config, null, 2)}\n`;
  if (format === 'yaml') return stringify(config, { lineWidth: 0 });
  throw new CliError(`"${format}" is no format. Write yaml or json.`, { exitCode: EXIT.usage, code: 'usage' });
}

export function applyText({ created, updated, deleted, unchanged }: ApplyResult, dryRun = false): string {
  const lines = [...created.map((name) => `+ ${name}`), ...updated.map((name) => `~ ${name}`), ...deleted.map((name) => `- ${name}`)];
  const summary = `${created.length} created, ${updated.length} updated, ${deleted.length} deleted, ${unchanged} unchanged`;
  return [...lines, dryRun ? `Would be: ${summary}. Nothing was changed.` : `${summary}.`].join('\n');
}
