import { CONFIG_KINDS, OPERATOR_LOG, type ConfigKind } from '@mcpgw/contracts';
import { checkRoles } from '@mcpgw/core-policy';
import { referenceTo, type Declared } from './plan.js';
import { didYouMean } from './suggest.js';

export interface Finding {
  /** `routes[0].servers[1]` */
  readonly path: string;
  readonly message: string;
}

const CHILD_KINDS = CONFIG_KINDS.filter((kind) => kind !== 'organizations');
/** More would bury the reader and not fit a reply. */
const MAX_FINDINGS = 200;

/**
 * Faults that no schema sees: names used twice, references to what isn't there, rules that mean nothing. All of them at once.
 * Secrets that are referenced and not set are no fault of the configuration: the server's health tells.
 */
export function check(config: Declared): readonly Finding[] {
  const findings: Finding[] = [];
  for (const finding of findAll(config)) {
    findings.push(finding);
    if (findings.length === MAX_FINDINGS) break;
  }
  return findings;
}

/** Lazily: looking for the name that was meant costs time, and a configuration may have a hundred thousand faults. */
function* findAll(config: Declared): Generator<Finding> {
  yield* checkNames(config);
  yield* checkOrganizations(config);
  yield* checkReferences(config);
  yield* checkRoles(config);
}

function* checkNames(config: Declared): Generator<Finding> {
  for (const kind of CONFIG_KINDS) {
    const first = new Map<string, number>();
    for (const [index, object] of config[kind].entries()) {
      const key = referenceTo(kind, object);
      const before = first.get(key);
      if (before === undefined) first.set(key, index);
      else yield { path: `${kind}[${index}].name`, message: `"${object.name}" is already the name of ${kind}[${before}]. Rename or remove one of them.` };
    }
  }
}

function* checkOrganizations(config: Declared): Generator<Finding> {
  const names = new Set<string>(config.organizations.map((organization) => organization.name));
  for (const [index, { name }] of config.organizations.entries()) {
    if (name === OPERATOR_LOG) yield { path: `organizations[${index}].name`, message: `"${OPERATOR_LOG}" is the gateway's own log. Choose another name.` };
  }
  for (const kind of CHILD_KINDS) {
    for (const [index, { organization }] of config[kind].entries()) {
      if (names.has(organization)) continue;
      yield { path: `${kind}[${index}].organization`, message: `There is no organization "${organization}".${didYouMean(organization, names)} Declare it under organizations.` };
    }
  }
}

function* checkReferences(config: Declared): Generator<Finding> {
  const servers = namesByOrganization(config, 'servers');
  const roles = namesByOrganization(config, 'roles');
  for (const [index, route] of config.routes.entries()) {
    const path = `routes[${index}].servers`;
    for (const [at, name] of route.servers.entries()) yield* unknownName(servers.get(route.organization), name, 'server', route.organization, `${path}[${at}]`);
    for (const [at, name] of route.servers.entries()) {
      if (route.servers.indexOf(name) < at) yield { path: `${path}[${at}]`, message: `"${name}" is listed twice. Remove one.` };
    }
  }
  for (const [index, consumer] of config.consumers.entries()) {
    for (const [at, name] of consumer.roles.entries()) yield* unknownName(roles.get(consumer.organization), name, 'role', consumer.organization, `consumers[${index}].roles[${at}]`);
  }
  for (const [index, limit] of config.limits.entries()) {
    const server = limit.tool.slice(0, limit.tool.indexOf('/'));
    if (!server.includes('*')) yield* unknownName(servers.get(limit.organization), server, 'server', limit.organization, `limits[${index}].tool`);
  }
}

function namesByOrganization(config: Declared, kind: 'servers' | 'roles'): ReadonlyMap<string, ReadonlySet<string>> {
  const names = new Map<string, Set<string>>();
  for (const object of config[kind]) {
    const set = names.get(object.organization) ?? new Set<string>();
    names.set(object.organization, set.add(object.name));
  }
  return names;
}

function* unknownName(known: ReadonlySet<string> = new Set(), name: string, what: string, organization: string, path: string): Generator<Finding> {
  if (!known.has(name)) yield { path, message: `There is no ${what} "${name}" in the organization "${organization}".${didYouMean(name, known)}` };
}

/** `routes[3].servers[0]` as `routes/acme/main.servers[0]`: positions mean nothing to who changes one object. */
export function nameObject(finding: Finding, config: Declared): Finding {
  const match = /^([a-z]+)\[(\d+)\](.*)$/.exec(finding.path);
  const kind = CONFIG_KINDS.find((candidate) => candidate === match?.[1]);
  if (!match || kind === undefined) return finding;
  const object = objectAt(config, kind, Number(match[2]));
  return object === undefined ? finding : { ...finding, path: `${referenceTo(kind, object)}${match[3] ?? ''}` };
}

function objectAt(config: Declared, kind: ConfigKind, index: number): Parameters<typeof referenceTo>[1] | undefined {
  return config[kind][index];
}
