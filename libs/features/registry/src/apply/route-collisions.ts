import type { RouteConfig, ServerDefinition } from '@mcpgw/contracts';
import { contestedNames, contestedTemplates, contestedUris, skillTemplate, type Contested, type Published } from '@mcpgw/core-mcp-wire';
import type { RegistryTransaction } from '@mcpgw/platform-database';
import type { Finding } from '../declared/check.js';
import type { Declared, Plan } from '../declared/plan.js';

const MAX_FINDINGS_PER_ROUTE = 5;

/**
 * Names that two servers of a route without prefixes have, as far as the servers were asked already. Only routes that the plan
 * makes or changes are looked at: a server that takes a name later can't keep its operator from applying anything else, and
 * the edge shows neither of the two.
 */
export async function routeCollisions(tx: RegistryTransaction, plan: Plan, desired: Declared): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for (const change of plan.changes) {
    if (change.kind !== 'routes' || change.after?.prefix !== 'never' || change.after.servers.length === 1) continue;
    const { after } = change;
    const rows = await tx.server.findMany({ where: { organization: after.organization, name: { in: after.servers } }, select: { name: true, definition: true } });
    // Pinned by discovery alone, from a parsed reply.
    const definitions = rows.flatMap(({ name, definition }) => (definition === null ? [] : [{ name, definition: definition as unknown as ServerDefinition }]));
    const path = `routes[${desired.routes.indexOf(after)}].prefix`;
    findings.push(...findingsOf(after, definitions).map((message) => ({ path, message })));
  }
  return findings;
}

interface Defined {
  readonly name: string;
  readonly definition: ServerDefinition;
}

function findingsOf(route: RouteConfig, servers: readonly Defined[]): readonly string[] {
  const published = (read: (definition: ServerDefinition) => readonly string[]): readonly Published[] => servers.map(({ name, definition }) => ({ server: name, names: read(definition) }));
  const uris = published(({ resources }) => resources.map(({ uri }) => uri));
  const kinds: readonly (readonly [what: string, contested: Contested])[] = [
    ['tool', contestedNames(published(({ tools }) => tools.map(({ name }) => name)))],
    ['prompt', contestedNames(published(({ prompts }) => prompts.map(({ name }) => name)))],
    ['resource', contestedUris(uris)],
    ['resource template', contestedTemplates(published(({ resourceTemplates, skills = [] }) => [...resourceTemplates.map(({ uriTemplate }) => uriTemplate), ...skills.map(({ uri }) => skillTemplate(uri))]), uris)],
  ];
  const all = kinds.flatMap(([what, contested]) => [...contested].map(([name, claimants]) => `the ${what} "${name}" (${claimants.join(' and ')})`));
  const advice = `The servers of the route "${route.name}" must not claim the same names, or its prefix must be "when-needed" or "always".`;
  const shown = all.slice(0, MAX_FINDINGS_PER_ROUTE).map((claim) => `More than one server claims ${claim}. ${advice}`);
  return all.length > shown.length ? [...shown, `And ${all.length - shown.length} more names of the route "${route.name}" are claimed twice.`] : shown;
}
