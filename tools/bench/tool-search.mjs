// `npm run bench:tool-search`: what a route with tool search costs and finds, against a plain list, through the gateway: 25
// servers with 500 tools, 60 tasks. Tokens are characters divided by four. No model takes part: the query of a task is the
// task's own sentence, where a model would choose its words and could search again, so what is found here is a lower bound.
import { createServer } from 'node:http';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { applyFile, createKey, modern, startGatewaySystem, until } from '../../libs/testing/dist/index.js';
import { report } from './report.mjs';
import { catalogue, tasks } from './tool-search-tasks.mjs';

const LIMITS = [1, 3, 5, 10, 20];
/** What a client leaves at: the default of `search_tools`. */
const SHOWN = 5;
const CALLS = [1, 3, 10];
const tokens = (value) => Math.ceil((typeof value === 'string' ? value : JSON.stringify(value)).length / 4);

const upstream = createServer((request, response) => {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    if (request.method !== 'POST') return response.writeHead(405).end();
    const { id, method, params } = JSON.parse(Buffer.concat(chunks));
    const tools = catalogue[request.url.slice(1)];
    const results = {
      'server/discover': { supportedVersions: ['2026-07-28'], capabilities: { tools: {} }, ttlMs: 0, cacheScope: 'private' },
      'tools/list': { tools, ttlMs: 0, cacheScope: 'private' },
      'tools/call': { content: [{ type: 'text', text: `${request.url.slice(1)} ${params?.name}` }] },
    };
    const answer = Object.hasOwn(results, method) ? { result: { ...results[method], resultType: 'complete' } } : { error: { code: -32601, message: 'Method not found' } };
    response.writeHead(answer.error ? 404 : 200, { 'content-type': 'application/json' }).end(JSON.stringify({ jsonrpc: '2.0', id, ...answer }));
  });
});
await new Promise((resolve) => upstream.listen(0, '127.0.0.1', resolve));

const system = await startGatewaySystem();
try {
  const names = Object.keys(catalogue);
  const file = path.join(system.directory, 'bench.json');
  writeFileSync(
    file,
    JSON.stringify({
      organizations: [{ name: 'bench' }],
      servers: names.map((name) => ({ organization: 'bench', name, http: { url: `http://127.0.0.1:${upstream.address().port}/${name}`, allowPrivateNetwork: true } })),
      routes: [
        { organization: 'bench', name: 'plain', servers: names },
        { organization: 'bench', name: 'search', servers: names, toolSearch: true },
      ],
      roles: [{ organization: 'bench', name: 'all', rules: [{ allow: '*/*' }] }],
      consumers: [{ organization: 'bench', name: 'agent', roles: ['all'] }],
    }),
  );
  await applyFile(system, file);
  const { key } = await createKey(system, 'bench', 'agent');
  const ask = async (route, method, params) => (await modern(`${system.edgeUrl}/mcp/${route}`, key, method, params)).message.result;
  const total = names.reduce((sum, name) => sum + catalogue[name].length, 0);
  const plain = await until('all tools are listed', async () => {
    const tools = (await ask('plain', 'tools/list'))?.tools;
    return tools?.length === total && tools;
  }, 60_000);
  const searching = (await ask('search', 'tools/list')).tools;

  const ranks = [];
  const costs = [];
  for (const [query, server, tool] of tasks) {
    const wanted = `${server}__${tool}`;
    const search = { name: 'search_tools', arguments: { query } };
    const shown = async (limit) => (await ask('search', 'tools/call', { ...search, arguments: { query, limit } })).content[0].text;
    const found = [...(await shown(20)).matchAll(/^\[?\{"name":"([^"]+)"/gm)].map((match) => match[1]);
    ranks.push({ query, wanted, rank: found.indexOf(wanted) + 1, first: found[0] });
    costs.push({ search: tokens(search) + tokens(await shown(SHOWN)), wrapped: tokens({ name: 'call_tool', arguments: { name: wanted, arguments: {} } }) - tokens({ name: wanted, arguments: {} }) });
    if ((await ask('search', 'tools/call', { name: 'call_tool', arguments: { name: wanted, arguments: {} } })).content[0].text !== `${server} ${tool}`) throw new Error(`call_tool reached another tool than ${wanted}`);
  }

  const hits = (limit) => ranks.filter(({ rank }) => rank > 0 && rank <= limit).length;
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const listed = tokens(plain);
  const two = tokens(searching);
  const perTask = mean(costs.map(({ search, wrapped }) => search + wrapped));
  const rows = [
    { figure: `tokens of the list: ${total} tools against ${searching.length}`, baseline: listed, ours: two, ratio: two / listed },
    { figure: `tokens of one search and its call, ${SHOWN} tools shown`, ours: perTask },
    ...CALLS.map((count) => ({ figure: `tokens in all for a conversation of ${count} different ${count === 1 ? 'task' : 'tasks'}`, baseline: listed, ours: two + count * perTask, ratio: (two + count * perTask) / listed })),
    { figure: 'tasks of one conversation until a plain list is cheaper', ours: Math.ceil((listed - two) / perTask) },
    ...LIMITS.map((limit) => ({ figure: `the right tool is among the first ${limit}, of ${tasks.length} tasks (plain: always listed)`, baseline: tasks.length, ours: hits(limit), ratio: hits(limit) / tasks.length })),
  ];
  report(rows);
  const missed = ranks.filter(({ rank }) => rank === 0 || rank > SHOWN);
  console.log(`\nNot among the first ${SHOWN}:`);
  for (const { query, wanted, rank, first } of missed) console.log(`  "${query}" wants ${wanted}: ${rank === 0 ? 'not among 20' : `place ${rank}`}, first is ${first ?? 'nothing'}`);
} finally {
  await system.close();
  upstream.close();
}
