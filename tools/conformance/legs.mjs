import { compare } from './compare.mjs';
import { startProxy } from './proxy.mjs';
import { runServer, SELECTIONS } from './suite.mjs';

/**
 * Each line is one run: the fixture's era, whether it is alone on its route, what is run, and what that shows. The reference
 * is always the same selection against the dual-era fixture itself: what a server of the client's own era does.
 */
export const SERVER_LEGS = {
  server: [
    { fixture: 'dual', selection: '2025-11-25', shows: 'legacy client, dual-era server' },
    { fixture: 'dual', selection: '2026-07-28', shows: 'modern client, dual-era server, with tasks', short: true },
    { fixture: 'dual', selection: 'all@2026-07-28', shows: 'modern client, dual-era server, everything at 2026-07-28' },
    { fixture: 'dual', selection: 'skills', shows: 'modern client, dual-era server, skills' },
    { fixture: 'legacy', selection: '2025-11-25', shows: 'legacy client, legacy server' },
  ],
  federated: [
    { fixture: 'dual', route: 'federated-dual', selection: '2025-11-25', shows: 'legacy client, one of two servers' },
    { fixture: 'dual', route: 'federated-dual', selection: '2026-07-28', shows: 'modern client, one of two servers' },
    { fixture: 'dual', route: 'federated-dual', selection: 'skills', shows: 'modern client, one of two servers, skills' },
  ],
  bridged: [
    { fixture: 'legacy', selection: 'all@2026-07-28', shows: 'modern client, legacy server', short: true },
    { fixture: 'modern', selection: '2025-11-25', shows: 'legacy client, modern server', short: true },
  ],
};

/** Runs against the server itself, each once. */
export class References {
  #runs = new Map();

  constructor(url) {
    this.url = url;
  }

  of(selection) {
    if (!this.#runs.has(selection)) this.#runs.set(selection, runServer(this.url, SELECTIONS[selection]));
    return this.#runs.get(selection);
  }
}

export async function runServerLeg(name, line, { edges, key, references, baseline, onScenario }) {
  const direct = await references.of(line.selection);
  const proxy = await startProxy(edges, key);
  try {
    const route = line.route ?? line.fixture;
    const through = await runServer(`${proxy.url}/mcp/${route}`, SELECTIONS[line.selection], { onScenario: (scenario, ...rest) => onScenario?.(proxy, scenario, ...rest) });
    const cell = `${route}/${line.selection}`;
    return { id: `${name}/${cell}`, shows: line.shows, rows: compare(direct, through, baseline[cell] ?? {}) };
  } finally {
    proxy.close();
  }
}
