// `npm run bench`: what the gateway costs, against the same upstream reached directly and through a bare byte proxy, in one run
// on one machine. Everything is on: authentication, policy, limits, audit into Postgres, metering. `--short` for a quick look,
// `--profile DIR` to write a CPU profile of the gateway there.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { applyFile, createKey, modern, startGatewaySystem, until } from '../../libs/testing/dist/index.js';
import { cpuSeconds, headers, load, median, request, start, stopAll } from './programs.mjs';
import { report } from './report.mjs';

const short = process.argv.includes('--short');
const SECONDS = short ? 1.5 : 5;
const ROUNDS = short ? 1 : 3;
const OPEN_LOOP = { rate: 300, seconds: short ? 3 : 10 };
const GOAL_RATIO = 0.3;
const ARGUMENTS = { text: 'x'.repeat(512), customer_id: 'customer-7' };
const profile = process.argv.indexOf('--profile');
const system = await startGatewaySystem({}, profile < 0 ? [] : ['--cpu-prof', `--cpu-prof-dir=${path.resolve(process.argv[profile + 1])}`]);
try {
  const stub = await start('stub-upstream.mjs', {});
  const large = await start('stub-upstream.mjs', { TOOLS: '2000' });
  const proxy = await start('byte-proxy.mjs', { UPSTREAM: new URL(stub.url).origin });
  const file = path.join(system.directory, 'bench.json');
  const rules = [{ allow: '*/*' }, { deny: '*/forbidden_*' }, ...Array.from({ length: 10 }, (_, index) => ({ allow: `stub/tool_${index}`, when: { arguments: { customer_id: '${consumer.customer_id}' } } }))];
  writeFileSync(
    file,
    JSON.stringify({
      organizations: [{ name: 'bench' }, { name: 'large' }],
      servers: [
        { organization: 'bench', name: 'stub', http: { url: stub.url, allowPrivateNetwork: true } },
        { organization: 'large', name: 'stub', http: { url: large.url, allowPrivateNetwork: true } },
      ],
      roles: [
        { organization: 'bench', name: 'all', rules },
        { organization: 'large', name: 'all', rules: [{ allow: '*/*' }] },
      ],
      consumers: [
        { organization: 'bench', name: 'agent', roles: ['all'], attributes: { customer_id: 'customer-7' } },
        { organization: 'large', name: 'agent', roles: ['all'] },
      ],
      limits: [{ organization: 'bench', name: 'wide', calls: 1_000_000, per: 'second' }],
    }),
  );
  await applyFile(system, file);
  const { key } = await createKey(system, 'bench', 'agent');
  const { key: largeKey } = await createKey(system, 'large', 'agent');
  const gateway = `${system.edgeUrl}/mcp`;
  for (const candidate of [key, largeKey]) await until('the edge lists the tools', async () => (await modern(gateway, candidate, 'tools/list')).message.result?.tools?.length > 0);

  const direct = { url: stub.url, headers: {}, body: request('tools/call', 'tool_1', ARGUMENTS) };
  const proxied = { ...direct, url: proxy.url };
  const ours = { url: gateway, headers: headers(key, 'tools/call', 'stub__tool_1'), body: request('tools/call', 'stub__tool_1', ARGUMENTS) };
  const list = (apiKey) => ({ url: gateway, headers: headers(apiKey, 'tools/list'), body: request('tools/list') });
  const listDirect = (url) => ({ url, headers: {}, body: request('tools/list') });
  for (const target of [direct, proxied, ours]) await load({ ...target, concurrency: 8, seconds: short ? 1 : 3 }); // warm

  const rows = [];
  const pid = system.children.get('gateway').pid;
  for (const concurrency of [1, 32]) {
    const rates = { direct: [], proxied: [], ours: [], cpuMs: [] };
    for (let round = 0; round < ROUNDS; round += 1) {
      rates.direct.push((await load({ ...direct, concurrency, seconds: SECONDS })).perSecond);
      rates.proxied.push((await load({ ...proxied, concurrency, seconds: SECONDS })).perSecond);
      const before = cpuSeconds(pid);
      const result = await load({ ...ours, concurrency, seconds: SECONDS });
      rates.ours.push(result.perSecond);
      rates.cpuMs.push(((cpuSeconds(pid) - before) * 1_000) / result.calls);
    }
    const [d, p, g] = [median(rates.direct), median(rates.proxied), median(rates.ours)];
    rows.push({ figure: `calls/s, ${concurrency} at once: byte proxy against direct`, baseline: d, ours: p, ratio: p / d });
    rows.push({ figure: `calls/s, ${concurrency} at once: gateway against direct`, baseline: d, ours: g, ratio: g / d });
    const ratio = g / p;
    rows.push({ figure: `calls/s, ${concurrency} at once: gateway against byte proxy`, baseline: p, ours: g, ratio, ...(concurrency === 32 ? { goal: `>= ${GOAL_RATIO}`, ok: ratio >= GOAL_RATIO } : {}) });
    rows.push({ figure: `CPU per call, ${concurrency} at once, gateway and Postgres (ms)`, ours: median(rates.cpuMs) });
  }
  const openDirect = await load({ ...direct, ...OPEN_LOOP });
  const openOurs = await load({ ...ours, ...OPEN_LOOP });
  rows.push({ figure: `added p50 at ${OPEN_LOOP.rate} calls/s (ms)`, baseline: openDirect.p50, ours: openOurs.p50, ratio: `+${(openOurs.p50 - openDirect.p50).toFixed(2)}` });
  rows.push({ figure: `added p99 at ${OPEN_LOOP.rate} calls/s (ms)`, baseline: openDirect.p99, ours: openOurs.p99, ratio: `+${(openOurs.p99 - openDirect.p99).toFixed(2)}` });
  for (const [tools, url, apiKey] of [[10, stub.url, key], [2_000, large.url, largeKey]]) {
    const base = await load({ ...listDirect(url), concurrency: 1, seconds: SECONDS });
    const mine = await load({ ...list(apiKey), concurrency: 1, seconds: SECONDS });
    rows.push({ figure: `tools/list with ${tools.toLocaleString('en')} tools, p50 (ms)`, baseline: base.p50, ours: mine.p50, ratio: mine.p50 / base.p50 });
  }
  report(rows);
} finally {
  stopAll();
  await system.close();
}
