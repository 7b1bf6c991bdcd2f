// What the suite starts as "the client" in a scenario of the client leg, with the URL of the server that it plays. Makes that
// server an upstream of the running gateway, does through the gateway what the scenario wants to see, and takes it away again.
import { writeFileSync } from 'node:fs';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { runCommand, until } from '../../libs/testing/dist/index.js';
import { clientConfig } from './client-leg.mjs';

const { MCP_CONFORMANCE_SCENARIO: scenario, MCP_CONFORMANCE_PROTOCOL_VERSION: revision, MCP_CONFORMANCE_CONTEXT: context } = process.env;
const { MCPGW_CONFORMANCE_EDGE: edge, MCPGW_CONFORMANCE_DATA_DIR: dataDir, MCPGW_CONFORMANCE_FILE: file, MCPGW_CONFORMANCE_KEY: key } = process.env;
const url = process.argv.at(-1);

async function mcpgw(...args) {
  const result = await runCommand([...args, '--json'], { MCPGW_DATA_DIR: dataDir });
  if (result.code !== 0) throw new Error(`mcpgw ${args.join(' ')}: ${result.stderr}${result.stdout}`);
  return JSON.parse(result.stdout);
}

async function apply(config) {
  writeFileSync(file, JSON.stringify(config));
  await mcpgw('apply', '-f', file);
}

const EXAMPLES = { string: 'us-west1', integer: 7, number: 3.5, boolean: true, array: [], null: null };

/** Arguments that this schema takes. An object is the schema of the tool that the scenario is about. */
function argumentsFor(tool, tools) {
  const entries = Object.entries(tool.inputSchema.properties ?? {}).map(([name, schema]) => [name, schema.type === 'object' ? tools[0].inputSchema : EXAMPLES[schema.type]]);
  return Object.fromEntries(entries);
}

async function connect() {
  const client = new Client(
    { name: 'conformance-harness', version: '1.0.0' },
    { capabilities: { elicitation: { form: { applyDefaults: true } } }, versionNegotiation: { mode: revision < '2026' ? 'legacy' : { pin: revision } } },
  );
  client.setRequestHandler('elicitation/create', ({ params }) => ({ action: 'accept', content: params.requestedSchema?.properties?.confirmed ? { confirmed: true } : {} }));
  await client.connect(new StreamableHTTPClientTransport(new URL(`${edge}/mcp/suite`), { requestInit: { headers: { authorization: `Bearer ${key}` } } }));
  return client;
}

/** One feature after the other; what this server doesn't have is not what the scenario is about. */
async function use(client) {
  const offered = client.getServerCapabilities() ?? {};
  const { tools } = offered.tools ? await client.listTools() : { tools: [] };
  const calls = JSON.parse(context ?? '{}').toolCalls ?? tools.map((tool) => ({ name: tool.name, arguments: argumentsFor(tool, tools) }));
  for (const call of calls) console.log(call.name, JSON.stringify(await client.callTool(call).catch((error) => `${error}`)));
  if (offered.resources) for (const { uri } of (await client.listResources()).resources.slice(0, 1)) await client.readResource({ uri });
  if (offered.prompts) for (const { name } of (await client.listPrompts()).prompts.slice(0, 1)) await client.getPrompt({ name });
}

try {
  await apply(clientConfig(url));
  await until('the gateway knows the server', async () => (await mcpgw('server', 'list')).servers.every((server) => server.health.state === 'ready'), 20_000);
  const client = await until('the route is there', connect, 10_000);
  await use(client);
  await client.close();
} catch (error) {
  console.error(scenario, error);
  process.exitCode = 1;
} finally {
  await apply(clientConfig());
}
