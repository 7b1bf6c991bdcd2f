// The checks of deploy/ find what they are there to find: each test plants one fault into good files.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { composeFaults } from './compose.mjs';
import { imageFaults } from './image.mjs';
import { invariantFaults } from './invariants.mjs';
import { HOLDS, makeSecrets, SECRETS, secretObjects } from './make-secrets.mjs';
import { resolve } from './render.mjs';
import { schemaFaults } from './schemas.mjs';
import { knownSettings } from './settings.mjs';

const root = path.resolve(import.meta.dirname, '../..');
const settings = knownSettings(root);
const good = resolve(path.join(root, 'deploy/kubernetes/overlays/production'));
const composeText = readFileSync(path.join(root, 'docker-compose.yml'), 'utf8');
const find = (objects, kind, name, namespace) => objects.find((object) => object.kind === kind && object.metadata.name === name && (!namespace || object.metadata.namespace === namespace));

/** The good objects after `change`; `objects.splice` and field changes alike. */
function planted(change) {
  const objects = structuredClone(good);
  change(objects);
  return invariantFaults(objects, settings);
}
const container = (objects, kind, name) => find(objects, kind, name).spec.template.spec.containers[0];

test('good files have no fault', async () => {
  assert.deepEqual(invariantFaults(good, settings), []);
  assert.deepEqual((await Promise.all(good.map(schemaFaults))).flat(), []);
  assert.deepEqual(composeFaults(composeText, settings), []);
  assert.deepEqual(imageFaults(root, good, composeText), []);
});

for (const [what, change, expected] of [
  ['a misspelt field of a container', (edge) => (edge.spec.template.spec.containers[0].readynessProbe = {}), 'there is no field spec.template.spec.containers[0].readynessProbe'],
  ['a misspelt field of the object', (edge) => (edge.specc = {}), 'there is no field specc'],
  ['a misspelt field in a list', (edge) => (edge.spec.template.spec.containers[0].ports[1].containerport = 1), 'there is no field spec.template.spec.containers[0].ports[1].containerport'],
  ['a wrong type', (edge) => (edge.spec.replicas = 'three'), 'replicas must be integer'],
  ['a missing field', (edge) => delete edge.spec.selector, 'selector'],
  ['an unknown kind', (edge) => (edge.kind = 'StatefullSet'), 'has no StatefullSet'],
]) {
  test(`schemas: ${what} is found`, async () => {
    const edge = structuredClone(find(good, 'StatefulSet', 'edge'));
    change(edge);
    assert.match((await schemaFaults(edge)).join('\n'), new RegExp(expected.replace(/[[\]().]/g, '\\$&')));
  });
}

for (const [what, change, expected] of [
  ['a container that may become root', (o) => (container(o, 'Deployment', 'audit').securityContext.allowPrivilegeEscalation = true), /audit: container audit must have allowPrivilegeEscalation: false/],
  ['a writable root file system', (o) => (container(o, 'StatefulSet', 'edge').securityContext.readOnlyRootFilesystem = false), /edge must have readOnlyRootFilesystem/],
  ['a capability', (o) => (container(o, 'Deployment', 'runner').securityContext.capabilities.add = ['SYS_ADMIN']), /runner must drop ALL/],
  ['a pod that runs as root', (o) => (find(o, 'Deployment', 'policy').spec.template.spec.securityContext.runAsUser = 0), /policy: must run as a user that is not root/],
  ['a service that gives up its seccomp profile', (o) => (find(o, 'Deployment', 'billing').spec.template.spec.securityContext.seccompProfile.type = 'Unconfined'), /billing: must have the seccomp profile/],
  ['a runner in the users of the node', (o) => delete find(o, 'Deployment', 'runner').spec.template.spec.hostUsers, /runner: must have hostUsers: false/],
  ['no memory limit', (o) => delete container(o, 'Deployment', 'admin').resources.limits.memory, /admin must have limits/],
  ['an image without a version', (o) => (container(o, 'Deployment', 'admin').image = 'images.example.com:5000/mcp-gateway'), /must name a version/],
  ['no readiness probe', (o) => delete container(o, 'Deployment', 'registry').readinessProbe, /registry must have a readinessProbe/],
  ['a secret too many', (o) => find(o, 'Deployment', 'admin').spec.template.spec.volumes.push({ name: 'keys', secret: { secretName: 'mcp-gateway-secrets' } }), /admin: holds the secrets \[secrets\]/],
  ['a secret in the environment', (o) => container(o, 'Deployment', 'billing').env.push({ name: 'MCPGW_STRIPE_KEY', valueFrom: { secretKeyRef: { name: 'x', key: 'y' } } }), /billing: has a secret in its environment/],
  ['a variable that nobody reads', (o) => container(o, 'Deployment', 'billing').env.push({ name: 'MCPGW_EDGE_PROT', value: '1' }), /sets MCPGW_EDGE_PROT, which no service reads/],
  ['no default deny', (o) => o.splice(o.indexOf(find(o, 'NetworkPolicy', 'default-deny', 'mcp-gateway')), 1), /Namespace mcp-gateway: has no NetworkPolicy that denies/],
  ['a default deny that allows', (o) => (find(o, 'NetworkPolicy', 'default-deny', 'mcp-gateway').spec.egress = [{}]), /has no NetworkPolicy that denies/],
  ['a way out too many', (o) => (find(o, 'Deployment', 'policy').spec.template.metadata.labels['mcp-gateway/database'] = 'client'), /policy: the way out is open for \[bus, database, dns\]/],
  ['a way out to everywhere', (o) => find(o, 'NetworkPolicy', 'bus-clients', 'mcp-gateway-runner').spec.egress.push({}), /runner: the way out is open for/],
  ['a way out that is missing', (o) => o.splice(o.indexOf(find(o, 'NetworkPolicy', 'database-clients')), 1), /audit: the way out is open for \[bus, dns\]/],
  ['a way in from anywhere', (o) => delete find(o, 'NetworkPolicy', 'admin').spec.ingress[0].from, /admin: the way in is open for/],
  ['the metadata service of a cloud', (o) => find(o, 'NetworkPolicy', 'edge').spec.egress[0].to[0].ipBlock.except.splice(4, 1), /leaves 169.254.0.0\/16 open/],
  ['no disruption budget', (o) => o.splice(o.indexOf(find(o, 'PodDisruptionBudget', 'edge')), 1), /edge: has no PodDisruptionBudget/],
  ['a service that leads nowhere', (o) => (find(o, 'Service', 'admin').spec.selector['app.kubernetes.io/name'] = 'adminn'), /admin: no Service leads to it/],
  ['a relaxed namespace', (o) => (find(o, 'Namespace', 'mcp-gateway').metadata.labels['pod-security.kubernetes.io/enforce'] = 'baseline'), /must enforce the pod security level restricted/],
  ['a workload that disappeared', (o) => o.splice(o.indexOf(find(o, 'Deployment', 'audit')), 1), /expected are/],
]) {
  test(`invariants: ${what} is found`, () => assert.match(planted(change).join('\n'), expected));
}

for (const [what, from, to, expected] of [
  ['a misspelt key', 'stop_grace_period: 40s', 'stop_grace_perriod: 40s', /Unrecognized key/],
  ['a port for everybody', '"127.0.0.1:${MCPGW_EDGE_PORT:-8080}:8080"', '"8080:8080"', /publishes 8080:8080/],
  ['a password in the environment', 'POSTGRES_PASSWORD_FILE: /run/secrets/postgres-password', 'POSTGRES_PASSWORD: ${POSTGRES_PASSWORD:-x}', /secrets are files/],
  ['a default for the secrets', '${MCPGW_SECRETS:?}/stripe-key', '${MCPGW_SECRETS:-./deploy}/stripe-key', /secrets.stripe-key: must lie in/],
  ['a key too many', 'secrets: [policy-signing, policy-signing.pub]', 'secrets: [policy-signing, policy-signing.pub, secrets]', /policy: holds the secrets/],
  ['a database on the outside', 'networks: [data]\n    healthcheck', 'networks: [data, outside]\n    healthcheck', /postgres: is on the networks/],
  ['a network that is open', 'data: { internal: true }', 'data: {}', /networks.data: must be internal/],
  ['a variable that nobody reads', 'MCPGW_EDGE_HOST: 0.0.0.0', 'MCPGW_EDGE_HOTS: 0.0.0.0', /MCPGW_EDGE_HOTS, which nobody reads/],
  ['an unconfined service', 'command: ["apps/policy/dist/main.js"]', 'command: ["apps/policy/dist/main.js"]\n    security_opt: ["no-new-privileges:true", "seccomp:unconfined"]', /policy: must keep the default seccomp/],
  ['a program that does not exist', 'apps/policy/dist/main.js', 'apps/polcy/dist/main.js', /there is no apps\/polcy\/src\/main.ts/],
]) {
  test(`compose: ${what} is found`, () => {
    const text = composeText.replace(from, to);
    assert.notEqual(text, composeText);
    assert.match([...composeFaults(text, settings), ...imageFaults(root, good, text)].join('\n'), expected);
  });
}

test('the resolver refuses what it does not know instead of leaving it out', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'mcpgw-kustomize-'));
  try {
    writeFileSync(path.join(folder, 'kustomization.yaml'), 'namePrefix: x-\nresources: []\n');
    assert.throws(() => resolve(folder), /namePrefix, which needs kubectl/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('secrets are made once, for their owner alone, and every one that a pod holds is made', () => {
  const parent = mkdtempSync(path.join(tmpdir(), 'mcpgw-secrets-'));
  try {
    const folder = path.join(parent, 'made');
    mkdirSync(folder, { mode: 0o755 });
    const made = makeSecrets(folder);
    const before = made.map((name) => readFileSync(path.join(folder, name), 'utf8'));
    assert.deepEqual(makeSecrets(folder), []);
    assert.deepEqual(made.map((name) => readFileSync(path.join(folder, name), 'utf8')), before);
    assert.equal(statSync(folder).mode & 0o777, 0o700);
    assert.equal(Buffer.from(readFileSync(path.join(folder, 'secrets'), 'utf8').trim(), 'base64url').length, 32);
    for (const file of Object.values(HOLDS).flat()) assert.ok(made.includes(file), file);
    const objects = secretObjects(folder).items;
    assert.deepEqual([...new Set(objects.map(({ metadata }) => metadata.name))].sort(), Object.keys(SECRETS).sort());
    const mounted = good.flatMap((object) => (object.spec?.template?.spec.volumes ?? []).flatMap((volume) => [...(volume.secret ? [volume.secret.secretName] : []), ...(volume.projected?.sources ?? []).map((source) => source.secret.name)].map((name) => `${object.metadata.namespace}/${name}`)));
    for (const name of mounted) assert.ok(objects.some(({ metadata }) => `${metadata.namespace}/${metadata.name}` === name), name);
  } finally {
    rmSync(parent, { recursive: true });
  }
});
