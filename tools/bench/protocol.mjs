// `npm run bench:protocol`: CPU of the protocol layer alone for one tools/call, against a bare byte proxy in the same run: once
// transparent (a client and a server of the same era), once across eras in each direction. `--short` for a quick look.
import { cpuSeconds, headers, load, median, request, start, stopAll } from './programs.mjs';
import { report } from './report.mjs';

const short = process.argv.includes('--short');
const SECONDS = short ? 1.5 : 4;
const ROUNDS = short ? 2 : 5;
const CONCURRENCY = 32;
const GOALS = { transparent: 1.5, bridged: 2.5 };

const ARGUMENTS = { text: 'x'.repeat(512), customer_id: 'customer-7' };
const modernCall = { headers: headers('stub', 'tools/call', 'tool_1'), body: request('tools/call', 'tool_1', ARGUMENTS) };
const legacyCall = { headers: { authorization: 'Bearer stub', 'mcp-protocol-version': '2025-11-25' }, body: { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'tool_1', arguments: ARGUMENTS } } };

try {
  const modern = await start('stub-upstream.mjs', { ERA: 'modern' });
  const legacy = await start('stub-upstream.mjs', {});
  const proxy = await start('byte-proxy.mjs', { UPSTREAM: new URL(modern.url).origin });
  const edge = await start('protocol-edge.mjs', { MODERN: modern.url, LEGACY: legacy.url });
  const cases = [
    { figure: 'byte proxy', pid: proxy.pid, url: proxy.url, ...modernCall },
    { figure: 'modern client, modern server', goal: GOALS.transparent, pid: edge.pid, url: `${edge.url}/modern`, ...modernCall },
    { figure: 'legacy client, legacy server', goal: GOALS.transparent, pid: edge.pid, url: `${edge.url}/legacy`, ...legacyCall },
    { figure: 'modern client, legacy server', goal: GOALS.bridged, pid: edge.pid, url: `${edge.url}/legacy`, ...modernCall },
    { figure: 'legacy client, modern server', goal: GOALS.bridged, pid: edge.pid, url: `${edge.url}/modern`, ...legacyCall },
  ].map((one) => ({ ...one, microseconds: [] }));
  for (const { url, headers, body } of cases) await load({ url, headers, body, concurrency: CONCURRENCY, seconds: short ? 1 : 3 }); // warm
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const { pid, url, headers, body, microseconds } of cases) {
      const before = cpuSeconds(pid);
      const { calls } = await load({ url, headers, body, concurrency: CONCURRENCY, seconds: SECONDS });
      microseconds.push(((cpuSeconds(pid) - before) * 1e6) / calls);
    }
  }
  const [base, ...ours] = cases;
  const baseline = median(base.microseconds);
  report(
    ours.map(({ figure, goal, microseconds }) => {
      const mine = median(microseconds);
      return { figure: `CPU per tools/call (us): ${figure}`, baseline, ours: mine, ratio: mine / baseline, goal: `<= ${goal}`, ok: mine / baseline <= goal };
    }),
  );
} finally {
  stopAll();
}
