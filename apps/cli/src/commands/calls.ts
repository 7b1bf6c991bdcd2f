import { isObject, type JsonObject } from '@mcpgw/core-mcp-wire';
import type { Command } from 'commander';
import { CliError, EXIT } from '../cli-error.js';
import type { Tool } from '../gateway/edge-client.js';
import { plain, plainLines, table } from '../output/table.js';
import { examples, perform } from '../perform.js';
import { toolArguments } from '../tool-arguments.js';

interface CallOptions {
  readonly consumerKey?: string;
  readonly route?: string;
}

export function addCallCommands(program: Command): void {
  const tools = program.command('tools').description('the tools that a consumer sees through the gateway').option('--consumer-key <key>', 'MCPGW_CONSUMER_KEY, else the one of first-run.json').option('--route <name>');
  perform<CallOptions>(tools, async ({ gateway, out }, options) => {
    const found = await gateway.edge(options).tools();
    out.result({ tools: found }, () => table(['TOOL', 'DESCRIPTION'], found.map((tool) => [tool.name, plain(tool.description ?? '').slice(0, 100)])));
  });
  examples(tools, ['tools', 'tools --route support --json']);

  const call = program
    .command('call')
    .argument('<tool>', 'as the gateway lists it: server__tool')
    .argument('[arguments...]', 'one JSON object, or key=value pairs; - reads JSON from standard input')
    .description('call a tool as a consumer')
    .option('--consumer-key <key>', 'MCPGW_CONSUMER_KEY, else the one of first-run.json')
    .option('--route <name>');
  perform<CallOptions>(call, async ({ gateway, out }, options, [name = '', ...given]) => {
    const edge = gateway.edge(options);
    // key=value needs the tool's schema to know what is a number; a JSON object does not.
    const pairsGiven = given.some((text) => !/^[-{]/.test(text.trim()));
    const tool = pairsGiven ? (await edge.tools()).find((one) => one.name === name) : undefined;
    const result = await edge.ask('tools/call', { name, arguments: await toolArguments(given, schemaOf(tool)) });
    out.result(result, () => resultText(result));
    if (result['resultType'] === 'input_required') throw new CliError(`${name} asks for input, which this command can't give. Call it from an agent that can.`);
    return result['isError'] === true ? EXIT.failed : EXIT.ok;
  });
  examples(call, ['call everything__echo message=hello', `call crm__find '{"customer_id": 4711}'`, 'call crm__import - < body.json']);
}

function schemaOf(tool: Tool | undefined): JsonObject | undefined {
  return isObject(tool?.['inputSchema']) ? tool['inputSchema'] : undefined;
}

/** Text as it is; anything else named by its type and size. */
function resultText(result: JsonObject): string {
  const content = Array.isArray(result['content']) ? (result['content'] as readonly unknown[]) : [];
  const lines = content.map((item) => {
    if (!isObject(item)) return '';
    if (item['type'] === 'text') return plainLines(String(item['text']));
    return `[${plain(String(item['type']))}${typeof item['data'] === 'string' ? `, ${item['data'].length} characters of base64` : ''}]`;
  });
  if (lines.length > 0) return lines.join('\n');
  return result['structuredContent'] === undefined ? '' : JSON.stringify(result['structuredContent'], null, 2);
}
