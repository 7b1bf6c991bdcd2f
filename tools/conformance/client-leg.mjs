// The gateway as a client: the suite plays the server, and the gateway under test calls it on behalf of a client of ours.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { applyFile, createKey, startGatewaySystem } from '../../libs/testing/dist/index.js';
import { tally } from './compare.mjs';
import { runSuite } from './suite.mjs';

const LEGACY = '2025-11-25';
const MODERN = '2026-07-28';

/** Scenarios that need no authorization server, at each revision that they apply to. */
const SCENARIOS = [
  ['initialize', LEGACY],
  ['tools_call', LEGACY, MODERN],
  ['elicitation-sep1034-client-defaults', LEGACY],
  ['sse-retry', LEGACY],
  ['request-metadata', MODERN],
  ['sep-2322-client-request-state', MODERN],
  ['http-standard-headers', MODERN],
  ['http-custom-headers', MODERN],
  ['http-invalid-tool-headers', MODERN],
  ['json-schema-ref-no-deref', MODERN],
  ['json-schema-2020-12-preservation', LEGACY, MODERN],
];

export const CLIENT_ORGANIZATION = 'client-leg';

/** The whole configuration of the gateway of this leg: without a server between scenarios, so that nothing of the last one is left open. */
export function clientConfig(url) {
  const organization = CLIENT_ORGANIZATION;
  return {
    organizations: [{ name: organization }],
    servers: url === undefined ? [] : [{ organization, name: 'suite', http: { url, allowPrivateNetwork: true } }],
    routes: url === undefined ? [] : [{ organization, name: 'suite', servers: ['suite'] }],
    roles: [{ organization, name: 'all', rules: ['*/*', 'prompt:*/*', 'resource:*/*'].map((allow) => ({ allow })) }],
    consumers: [{ organization, name: 'agent', roles: ['all'] }],
  };
}

export async function runClientLeg(baseline, only) {
  const system = await startGatewaySystem();
  try {
    const file = path.join(system.directory, 'client.json');
    writeFileSync(file, JSON.stringify(clientConfig()));
    await applyFile(system, file);
    const { key } = await createKey(system, CLIENT_ORGANIZATION, 'agent');
    const control = { MCPGW_CONFORMANCE_EDGE: system.edgeUrl, MCPGW_CONFORMANCE_DATA_DIR: system.dataDir, MCPGW_CONFORMANCE_FILE: file, MCPGW_CONFORMANCE_KEY: key };
    const command = `${process.execPath} ${path.join(import.meta.dirname, 'client-harness.mjs')}`;
    const rows = [];
    const excused = baseline['client/suite'] ?? {};
    const used = new Set();
    for (const [scenario, ...revisions] of SCENARIOS) {
      for (const revision of revisions) {
        if (only !== undefined && only !== scenario) continue;
        const results = await runSuite('client', ['--command', command, '--scenario', scenario, '--spec-version', revision, '--timeout', '60000'], { environment: control });
        rows.push(judge(`${scenario}@${revision}`, Object.values(results)[0], excused, used));
      }
    }
    for (const key of Object.keys(excused)) if (!used.has(key) && only === undefined) rows.push({ scenario: key, checks: '', gateway: '', misses: [{ check: 'baseline', said: 'This entry of baseline.json is stale: it passes.' }] });
    return [{ id: 'client/suite', shows: 'the gateway calls the suite', rows, notes: ['auth/*: not run; they need OAuth towards upstream servers, which the gateway does not have yet.'] }];
  } finally {
    await system.close();
  }
}

/** Nothing to compare with here: every check must succeed, and one at least must have been made. */
function judge(scenario, checks, excused, used) {
  const misses = Object.entries(checks)
    .filter(([, check]) => check.status === 'FAILURE' || check.status === 'WARNING')
    .map(([id, check]) => ({ check: id, gateway: check.status, said: check.said }))
    .filter(({ check }) => {
      const name = `${scenario}:${check}`;
      if (Object.hasOwn(excused, name)) used.add(name);
      return !Object.hasOwn(excused, name);
    });
  if (!Object.values(checks).some((check) => check.status === 'SUCCESS')) misses.push({ check: 'ran', said: 'No check succeeded.' });
  return { scenario, checks: '', gateway: tally(checks), misses };
}
