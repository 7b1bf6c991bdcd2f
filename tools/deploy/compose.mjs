// What must be true of docker-compose.yml. Its own schema below is strict about the keys that we use, so that a misspelt one is
// found also where no Docker is; where docker-compose or the compose plugin is installed, that reads the file as well.
import { spawnSync } from 'node:child_process';
import { parse } from 'yaml';
import { z } from 'zod';
import { HOLDS as IN_PODS } from './make-secrets.mjs';

const strings = z.array(z.string());
const variables = z.record(z.string(), z.string());
const healthcheck = z.union([
  z.strictObject({ disable: z.literal(true) }),
  z.strictObject({ test: strings.min(2), interval: z.string(), timeout: z.string(), retries: z.int(), start_period: z.string().optional() }),
]);
const service = z.strictObject({
  image: z.string(),
  build: z.strictObject({ context: z.string(), dockerfile: z.string() }).optional(),
  command: strings.optional(),
  environment: variables.optional(),
  secrets: strings.optional(),
  user: z.string().optional(),
  restart: z.enum(['no', 'unless-stopped']),
  read_only: z.literal(true),
  cap_drop: z.tuple([z.literal('ALL')]),
  cap_add: strings.optional(),
  security_opt: strings,
  tmpfs: strings,
  volumes: strings.optional(),
  shm_size: z.string().optional(),
  pids_limit: z.int().optional(),
  stop_grace_period: z.string().optional(),
  ports: strings.optional(),
  networks: strings.min(1),
  depends_on: z.record(z.string(), z.strictObject({ condition: z.enum(['service_healthy', 'service_completed_successfully']) })).optional(),
  healthcheck,
});
const compose = z.strictObject({
  services: z.record(z.string(), service),
  networks: z.record(z.string(), z.strictObject({ internal: z.literal(true).optional() })),
  volumes: z.record(z.string(), z.strictObject({})),
  secrets: z.record(z.string(), z.strictObject({ file: z.string() })),
});

const SERVICES = ['postgres', 'nats', 'migrate', 'edge', 'registry', 'policy', 'audit', 'billing', 'runner', 'admin'];
const HOLDS = { ...IN_PODS, postgres: ['postgres-password'] };
const NETWORKS = { postgres: ['data'], nats: ['bus'], migrate: ['data'], edge: ['bus', 'outside'], registry: ['bus', 'data'], policy: ['bus'], audit: ['bus', 'data'], billing: ['bus', 'data', 'outside'], runner: ['bus'], admin: ['bus', 'outside'] };
const PUBLISHES = new Set(['edge', 'admin']);

/** All faults of the file's text, in words. */
export function composeFaults(text, settings) {
  const { document, faults } = withoutFragments(text);
  const parsed = compose.safeParse(document);
  if (!parsed.success) return [...faults, ...parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`)];
  const { services, networks, volumes, secrets } = parsed.data;
  const same = (left = [], right = []) => left.toSorted().join() === right.toSorted().join();
  if (!same(Object.keys(services), SERVICES)) faults.push(`services: are ${Object.keys(services).join(', ')}; expected are ${SERVICES.join(', ')}.`);
  for (const name of ['bus', 'data']) if (!networks[name]?.internal) faults.push(`networks.${name}: must be internal.`);
  for (const [name, one] of Object.entries(services)) {
    const say = (what) => faults.push(`services.${name}: ${what}`);
    if (!same(one.secrets, HOLDS[name])) say(`holds the secrets [${one.secrets ?? ''}]; it should hold [${HOLDS[name] ?? ''}].`);
    for (const secret of one.secrets ?? []) if (!secrets[secret]) say(`the secret ${secret} is not declared.`);
    if (!same(one.networks, NETWORKS[name])) say(`is on the networks [${one.networks}]; it should be on [${NETWORKS[name]}].`);
    for (const other of Object.keys(one.depends_on ?? {})) if (!services[other]) say(`waits for ${other}, which is no service.`);
    for (const volume of one.volumes ?? []) if (/^[a-z]/.test(volume) && !volumes[volume.split(':')[0]]) say(`the volume ${volume} is not declared.`);
    for (const port of one.ports ?? []) if (!PUBLISHES.has(name) || !port.startsWith('127.0.0.1:')) say(`publishes ${port}; only edge and admin may, and on 127.0.0.1 alone.`);
    if (name !== 'postgres' && (one.user !== '10001:10001' || one.cap_add)) say('must run as 10001:10001 without any capability.');
    if (!one.security_opt.includes('no-new-privileges:true')) say('must have no-new-privileges.');
    if (name !== 'runner' && one.security_opt.some((option) => option.includes('unconfined'))) say('must keep the default seccomp and AppArmor profiles.');
    if (name !== 'migrate' && 'disable' in one.healthcheck) say('must have a health check.');
    for (const [variable, value] of Object.entries(one.environment ?? {})) {
      if (variable.startsWith('MCPGW_') && !settings.has(variable)) say(`sets ${variable}, which nobody reads.`);
      if (/PASSWORD|KEY|TOKEN|SECRET|DATABASE_URL/.test(variable) && !/_FILE$|_DIR$/.test(variable)) say(`has ${variable}=${value} in its environment; secrets are files.`);
    }
  }
  for (const [name, { file }] of Object.entries(secrets)) if (!/^\$\{MCPGW_SECRETS:\?[^}]*\}\//.test(file)) faults.push(`secrets.${name}: must lie in \${MCPGW_SECRETS:?}, which has no default.`);
  return faults;
}

/** The file with its merges (`<<`) made and its `x-` fragments gone. */
function withoutFragments(text) {
  try {
    const document = parse(text, { merge: true });
    return { document: Object.fromEntries(Object.entries(document).filter(([key]) => !key.startsWith('x-'))), faults: [] };
  } catch (error) {
    return { document: undefined, faults: [`docker-compose.yml is not YAML: ${error.message}`] };
  }
}

/** What Docker itself says; `undefined` without one that can read compose files. */
export function dockerFaults(file) {
  for (const [command, args] of [['docker-compose', []], ['docker', ['compose']]]) {
    const environment = { ...process.env, MCPGW_SECRETS: './deploy/secrets' };
    const version = spawnSync(command, [...args, 'version'], { encoding: 'utf8', timeout: 60_000 });
    if (version.error || version.status !== 0) continue;
    const result = spawnSync(command, [...args, '-f', file, 'config', '-q'], { encoding: 'utf8', timeout: 60_000, env: environment });
    const unset = spawnSync(command, [...args, '-f', file, 'config', '-q'], { encoding: 'utf8', timeout: 60_000, env: { ...environment, MCPGW_SECRETS: '' } });
    return {
      tool: [command, ...args].join(' '),
      faults: [...(result.status === 0 ? [] : [result.stderr.trim()]), ...(unset.status === 0 ? ['It starts without MCPGW_SECRETS: there must be no default.'] : [])],
    };
  }
  return undefined;
}
