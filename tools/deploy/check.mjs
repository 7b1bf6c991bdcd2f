// `node tools/deploy/check.mjs`: everything about deploy/ and docker-compose.yml that can be known without a cluster and
// without a Docker. Says which tool it used; ends with `N passed, N failed`.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { composeFaults, dockerFaults } from './compose.mjs';
import { imageFaults } from './image.mjs';
import { invariantFaults } from './invariants.mjs';
import { renderWithTool, resolve } from './render.mjs';
import { schemaFaults } from './schemas.mjs';
import { knownSettings } from './settings.mjs';

const root = path.resolve(import.meta.dirname, '../..');
const overlay = path.join(root, 'deploy/kubernetes/overlays/production');
const composeFile = path.join(root, 'docker-compose.yml');
const settings = knownSettings(root);
const count = { passed: 0, failed: 0 };

/** One line for what holds, the faults for what does not. A check that throws has failed. */
async function check(name, work) {
  let faults;
  try {
    faults = await work();
  } catch (error) {
    faults = [error.message];
  }
  count[faults.length === 0 ? 'passed' : 'failed'] += 1;
  console.log(`${faults.length === 0 ? 'ok    ' : 'FAILED'} ${name}`);
  for (const fault of faults) console.log(`         ${fault}`);
}

const own = attempt(() => resolve(overlay));
const rendered = attempt(() => renderWithTool(overlay));
const tool = rendered.value?.tool ?? 'our own resolver, since neither kubectl nor kustomize is installed';
const objects = rendered.value?.objects ?? own.value ?? [];

await check(`the production overlay renders (${tool})`, () => [rendered.error, own.error].filter(Boolean));
if (rendered.value) await check('our own resolver, for machines without kubectl, gives the same objects', () => differences(rendered.value.objects, own.value ?? []));
for (const object of objects) await check(`${object.kind} ${object.metadata?.namespace ?? ''}/${object.metadata?.name} is valid and has no unknown field`, () => schemaFaults(object));
await check('pods, secrets, settings and network flows are as they must be', () => (objects.length === 0 ? ['There is nothing to look at.'] : invariantFaults(objects, settings)));

const text = readFileSync(composeFile, 'utf8');
await check('docker-compose.yml fits our schema and rules', () => composeFaults(text, settings));
const docker = dockerFaults(composeFile);
if (docker) await check(`docker-compose.yml is valid (${docker.tool} config)`, () => docker.faults);
else console.log('note   no docker-compose and no compose plugin here: docker-compose.yml was checked by our own schema alone (apt-get install docker-compose)');
await check('the image holds every program that is started from it', () => imageFaults(root, objects, text));

console.log(`${count.passed} passed, ${count.failed} failed`);
process.exit(count.failed === 0 ? 0 : 1);

function attempt(work) {
  try {
    return { value: work() };
  } catch (error) {
    return { error: error.message };
  }
}

function differences(left, right) {
  const key = ({ kind, metadata }) => `${kind} ${metadata.namespace ?? ''}/${metadata.name}`;
  const others = new Map(right.map((object) => [key(object), object]));
  return [...left.filter((object) => !isDeepStrictEqual(object, others.get(key(object)))).map((object) => `${key(object)} differs.`), ...(left.length === right.length ? [] : [`${left.length} objects against ${right.length}.`])];
}
