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
  return [...checkNames(config), ...checkOrganizations(config), ...checkReferences(config), ...checkRoles(config)].slice(0, MAX_FINDINGS);
}

function checkNames(config: Declared): readonly Finding[] {
  return CONFIG_KINDS.flatMap((kind) => {
    const first = new Map<string, number>();
    return config[kind].flatMap((object, index): readonly Finding[] => {
      const key = referenceTo(kind, object);
      const before = first.get(key);
      if (before === undefined) first.set(key, index);
      return before === undefined ? [] : [{ path: `${kind}[${index}].name`, message: `"${object.name}" is already the name of ${kind}[${before}]. Rename or remove one of them.` }];
    });
  });
}

function checkOrganizations(config: Declared): readonly Finding[] {
  const names = new Set<string>(config.organizations.map((organization) => organization.name));
  const reserved = config.organizations.flatMap((organization, index): readonly Finding[] =>
    organization.name === OPERATOR_LOG ? [{ path: `organizations[${index}].name`, message: `"${OPERATOR_LOG}" is the gateway's own log. Choose another name.` }] : [],
  );
  const unknown = CHILD_KINDS.flatMap((kind) =>
    config[kind].flatMap((object, index): readonly Finding[] =>
      names.has(object.organization)
        ? []
        : [{ path: `${kind}[${index}].organization`, message: `There is no organization "${object.organization}".${didYouMean(object.organization, names)} Declare it under organizations.` }],
    ),
  );
  return [...reserved, ...unknown];
}

function checkReferences(config: Declared): readonly Finding[] {
  const servers = namesByOrganization(config, 'servers');
  const roles = namesByOrganization(config, 'roles');
  return [
    ...config.routes.flatMap((route, index) => [
      ...route.servers.flatMap((name, at) => unknownName(servers.get(route.organization), name, 'server', route.organization, `routes[${index}].servers[${at}]`)),
      ...listedTwice(route.servers, `routes[${index}].servers`),
    ]),
    ...config.consumers.flatMap((consumer, index) =>
      consumer.roles.flatMap((name, at) => unknownName(roles.get(consumer.organization), name, 'role', consumer.organization, `consumers[${index}].roles[${at}]`)),
    ),
    ...config.limits.flatMap((limit, index) => {
      const server = limit.tool.slice(0, limit.tool.indexOf('/'));
      return server.includes('*') ? [] : unknownName(servers.get(limit.organization), server, 'server', limit.organization, `limits[${index}].tool`);
    }),
  ];
}

function namesByOrganization(config: Declared, kind: 'servers' | 'roles'): ReadonlyMap<string, ReadonlySet<string>> {
  const names = new Map<string, Set<string>>();
  for (const object of config[kind]) {
    const set = names.get(object.organization) ?? new Set<string>();
    names.set(object.organization, set.add(object.name));
  }
  return names;
}

function unknownName(known: ReadonlySet<string> = new Set(), name: string, what: string, organization: string, path: string): readonly Finding[] {
  if (known.has(name)) return [];
  return [{ path, message: `There is no ${what} "${name}" in the organization "${organization}".${didYouMean(name, known)}` }];
}

function listedTwice(names: readonly string[], path: string): readonly Finding[] {
  return names.flatMap((name, index) => (names.indexOf(name) < index ? [{ path: `${path}[${index}]`, message: `"${name}" is listed twice. Remove one.` }] : []));
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
