import { consumerConfig, limitConfig, organizationConfig, roleConfig, routeConfig, serverConfig } from '@mcpgw/contracts';
import type { RegistryTransaction } from '@mcpgw/platform-database';
import type { Declared } from '../declared/plan.js';

/** What is declared now in these organizations, or in all of them, by organization and name. Stored rows are parsed again: an older one gets today's defaults. */
export async function loadDeclared(tx: RegistryTransaction, organizations?: readonly string[]): Promise<Declared> {
  const inside = organizations && { organization: { in: [...organizations] } };
  const rows = await tx.organization.findMany({ ...(organizations && { where: { name: { in: [...organizations] } } }), select: { name: true, config: true } });
  const servers = await tx.server.findMany({ ...(inside && { where: inside }), select: { organization: true, name: true, config: true } });
  const objects = await tx.declaredObject.findMany({ ...(inside && { where: inside }) });
  objects.sort(byName);
  const ofKind = (kind: string): unknown[] => objects.filter((object) => object.kind === kind).map((object) => object.config);
  return {
    organizations: rows.sort(byName).map((row) => organizationConfig.parse(row.config)),
    servers: servers.sort(byName).map((row) => serverConfig.parse(row.config)),
    routes: ofKind('routes').map((config) => routeConfig.parse(config)),
    roles: ofKind('roles').map((config) => roleConfig.parse(config)),
    consumers: ofKind('consumers').map((config) => consumerConfig.parse(config)),
    limits: ofKind('limits').map((config) => limitConfig.parse(config)),
  };
}

interface Named {
  readonly organization?: string;
  readonly name: string;
}

/** Sorted here and not by Postgres, whose order depends on its locale. */
export function byName(left: Named, right: Named): number {
  const [a, b] = [`${left.organization ?? ''}/${left.name}`, `${right.organization ?? ''}/${right.name}`];
  return a < b ? -1 : a > b ? 1 : 0;
}
