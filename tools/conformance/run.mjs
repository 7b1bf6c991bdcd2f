// `npm run conformance`: the official suite through the gateway, each run beside the same run against the server itself.
// `--short` for the runs that show most, `--leg NAME` (several times) for some legs, `--json FILE` for the results as data.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { startGatewaySystem } from '../../libs/testing/dist/index.js';
import { runClientLeg } from './client-leg.mjs';
import { faults, tally } from './compare.mjs';
import { runEdgesLeg } from './edges-leg.mjs';
import { References, runServerLeg, SERVER_LEGS } from './legs.mjs';
import { report } from './report.mjs';
import { furnish, startFixture } from './systems.mjs';

const options = (name) => process.argv.flatMap((value, index) => (value === `--${name}` ? [process.argv[index + 1]] : []));
const short = process.argv.includes('--short');
const chosen = options('leg');
const [jsonFile] = options('json');
const LEGS = [...Object.keys(SERVER_LEGS), 'client', 'three-edges'];
for (const name of chosen) if (!LEGS.includes(name)) throw new Error(`No leg is called ${name}: there are ${LEGS.join(', ')}`);
const wanted = (leg) => (chosen.length > 0 ? chosen.includes(leg) : !(short && ['client', 'three-edges', 'federated'].includes(leg)));

const baseline = JSON.parse(readFileSync(path.join(import.meta.dirname, 'baseline.json'), 'utf8'));
const cells = new Set(['client/suite', ...Object.values(SERVER_LEGS).flat().map(({ route, fixture, selection }) => `${route ?? fixture}/${selection}`)]);
for (const cell of Object.keys(baseline)) if (!cells.has(cell)) throw new Error(`baseline.json excuses "${cell}", which nothing runs: there are ${[...cells].join(', ')}`);
const fixtures = Object.fromEntries(await Promise.all(['dual', 'legacy', 'modern'].map(async (mode) => [mode, await startFixture(mode)])));
const references = new References(fixtures.dual.url);
const runs = [];

/** The fixture must pass by itself, else passing like it would prove nothing. */
async function judgeReference(selection) {
  const direct = await references.of(selection);
  const wrong = faults(direct);
  const rows = Object.entries(direct).map(([scenario, checks]) => ({ scenario, checks: tally(checks), gateway: '', misses: wrong.filter((fault) => fault.scenario === scenario) }));
  runs.push({ id: `direct/${selection}`, shows: 'the fixture itself', rows });
}

async function serverLegs(names) {
  if (names.length === 0) return;
  const lines = names.flatMap((name) => SERVER_LEGS[name].filter((line) => !short || line.short).map((line) => [name, line]));
  for (const selection of new Set(lines.map(([, line]) => line.selection))) await judgeReference(selection);
  const system = await startGatewaySystem();
  try {
    const furnished = await furnish(system, fixtures);
    for (const [name, line] of lines) {
      console.error(`running ${name}: ${line.shows}`);
      runs.push(await runServerLeg(name, line, { edges: [system.edgeUrl], key: furnished.key, references, baseline }));
    }
    await furnished.close();
  } finally {
    await system.close();
  }
}

try {
  await serverLegs(Object.keys(SERVER_LEGS).filter(wanted));
  if (wanted('three-edges')) runs.push(...(await runEdgesLeg({ fixtures, references, baseline })));
  if (wanted('client')) runs.push(...(await runClientLeg(baseline, options('scenario')[0])));
} finally {
  for (const fixture of Object.values(fixtures)) fixture.close();
}
if (jsonFile) writeFileSync(jsonFile, `${JSON.stringify(runs, null, 2)}\n`);
const { met, missed } = report(runs);
console.log(`\n${met} goals met, ${missed} missed`);
process.exit(missed > 0 ? 1 : 0);
