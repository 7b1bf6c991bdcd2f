// `npm run matrix`: every feature, tried by every client against every server, all through one running gateway.
// `--short` for a choice of them, `--json FILE` for the results, `--client`, `--server`, `--feature TEXT` to look at some.
// `--direct` leaves the gateway out, for pairs that speak the same wire: what fails there is the matrix's own fault.
// `--edges N`: N edges behind one address without affinity; with `--kill` one of them dies in the middle of the first session.
// Only a full run writes docs/compatibility.md, and only that file's words are what the product claims.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { WORKSPACE } from '../../libs/testing/dist/index.js';
import { LegacyClient } from './clients/legacy-client.mjs';
import { ModernClient } from './clients/modern-client.mjs';
import { FEATURES, lacking } from './features/features.mjs';
import { chosen } from './pairs.mjs';
import { compatibilityPage, printTable } from './report.mjs';
import { openDirect, openSystem } from './system.mjs';

const CELL_MS = 15_000;
const AT_ONCE = 2;

const { values: options } = parseArgs({ options: { short: { type: 'boolean' }, json: { type: 'string' }, client: { type: 'string' }, server: { type: 'string' }, feature: { type: 'string' }, logs: { type: 'boolean' }, direct: { type: 'boolean' }, edges: { type: 'string', default: '1' }, kill: { type: 'boolean' } } });
const { clients, servers } = chosen(options);
const features = FEATURES.filter(({ name }) => name.includes(options.feature ?? ''));
/** Nothing is under way between two features, but the session is not new. */
const killAt = features[Math.min(3, features.length - 1)];
let killed = false;

/** Rejects when the time is up; the signal tells the cell's own waits. */
async function within(milliseconds, what, work) {
  const abort = new AbortController();
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => {
      const error = new Error(`${what}: not within ${milliseconds / 1_000} s`);
      reject(error);
      abort.abort(error);
    }, milliseconds);
  });
  const working = work(abort.signal);
  working.catch(() => {});
  try {
    return await Promise.race([working, late]);
  } finally {
    clearTimeout(timer);
  }
}

async function connected(client, server, system, as) {
  const trouble = system.trouble(server);
  if (trouble) throw new Error(trouble);
  const open = new (client.version >= '2026' ? ModernClient : LegacyClient)(client, system.place(client, server), as);
  try {
    await within(CELL_MS, 'connecting', (signal) => open.connect(signal));
    return open;
  } catch (error) {
    await open.close().catch(() => {});
    throw error;
  }
}

async function tryPair(client, server, system) {
  const cells = [];
  const put = (feature, result, more = {}) => cells.push({ client: client.name, server: server.name, feature: feature.name, result, ...more });
  let open;
  let failure;
  for (const feature of features) {
    const note = lacking(feature, client, server);
    const run = note === undefined ? feature.run : note === 'client' ? feature.refused : undefined;
    if (!run) {
      put(feature, 'inexpressible', { note });
      continue;
    }
    try {
      if (options.kill && !killed && feature === killAt) {
        killed = true;
        await system.killEdge();
        console.log('one edge was killed');
      }
      if (failure) throw failure;
      open ??= await connected(client, server, system).catch((error) => {
        throw (failure = error);
      });
      await within(CELL_MS, feature.name, (signal) => run(open, { signal, server, another: (as) => connected(client, server, system, as) }));
      put(feature, note === undefined ? 'works' : 'inexpressible', note === undefined ? {} : { note });
    } catch (error) {
      put(feature, 'fails', { reason: reasonOf(error) });
    }
  }
  await within(CELL_MS, 'closing', () => open?.close() ?? Promise.resolve()).catch(() => {});
  return cells;
}

function reasonOf(error) {
  const code = typeof error?.code === 'number' ? `${error.code} ` : '';
  return `${code}${error?.message ?? error}`.split('\n').slice(0, 4).join(' ').slice(0, 300);
}

const began = performance.now();
const system = options.direct ? await openDirect() : await openSystem({ clients, servers, edges: Number(options.edges) });
const cells = [];
try {
  // One client at a time for each server: changes that it sees are its own doing.
  const queue = [...servers];
  const work = async () => {
    for (let server = queue.shift(); server; server = queue.shift()) {
      for (const client of options.direct ? clients.filter(({ name }) => server.name === `s${name}`) : clients) {
        const pair = await tryPair(client, server, system);
        cells.push(...pair);
        const bad = pair.filter(({ result }) => result === 'fails');
        console.log(`${client.title} -> ${server.title}: ${bad.length === 0 ? 'all as it should be' : bad.map(({ feature }) => feature).join(', ')}`);
      }
    }
  };
  await Promise.all(Array.from({ length: options.kill ? 1 : AT_ONCE }, work));
  if (options.logs) console.log(system.logs());
} finally {
  await system.close();
}
const order = (cell) => clients.findIndex(({ name }) => name === cell.client) * 100 + servers.findIndex(({ name }) => name === cell.server);
cells.sort((a, b) => order(a) - order(b));
printTable(cells, clients, servers, features);
if (options.json) writeFileSync(options.json, JSON.stringify(cells, null, 1));
const full = !options.direct && options.edges === '1' && !options.short && !options.client && !options.server && !options.feature;
if (full) {
  mkdirSync(path.join(WORKSPACE, 'docs'), { recursive: true });
  writeFileSync(path.join(WORKSPACE, 'docs/compatibility.md'), compatibilityPage(cells, clients, servers, features));
}
const failed = cells.filter(({ result }) => result === 'fails').length;
console.log(`${Math.round((performance.now() - began) / 1_000)} s`);
console.log(`${cells.length - failed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
