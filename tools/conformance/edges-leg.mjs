// Three edges behind a proxy that sends each request to the next of them, and the same with one of them killed on the way.
import { startServicesSystem } from '../../libs/testing/dist/index.js';
import { runServerLeg, SERVER_LEGS } from './legs.mjs';
import { furnish } from './systems.mjs';

const EDGES = 3;
/** The edge that is killed, and the scenario number at which it is. */
const KILLED = { edge: 'edge-2', index: 1, scenario: 10 };

const LINES = [...SERVER_LEGS.server.filter((line) => line.selection !== 'skills'), ...SERVER_LEGS.bridged];

export async function runEdgesLeg({ fixtures, references, baseline }) {
  const system = await startServicesSystem({}, EDGES);
  const runs = [];
  try {
    const furnished = await furnish(system, fixtures);
    const leg = (name, line, onScenario) => runServerLeg(name, line, { edges: system.edgeUrls, key: furnished.key, references, baseline, onScenario });
    for (const line of LINES) runs.push(await leg('three-edges', line));
    for (const line of LINES) {
      let scenarios = 0;
      let killed;
      // Killed while nothing of the suite is under way there: what a dead process had begun is lost, and that's no finding.
      const run = await leg('edge-killed', line, (proxy) => {
        scenarios += 1;
        if (scenarios === KILLED.scenario) killed = proxy.whileIdle(KILLED.index, () => system.stop(KILLED.edge, 'SIGKILL'));
      });
      await killed;
      runs.push({ ...run, notes: [killed ? `${KILLED.edge} was killed after ${KILLED.scenario - 1} scenarios.` : 'No edge was killed: there were too few scenarios.'] });
      await system.start(KILLED.edge);
    }
    await furnished.close();
  } finally {
    await system.close();
  }
  return runs;
}
