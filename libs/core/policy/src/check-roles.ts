import type { GatewayConfig, RoleConfig } from '@mcpgw/contracts';
import { compileRoles } from './compile-roles.js';
import type { Finding } from './findings.js';

/**
 * What the roles of a configuration say that can't be compiled or can't be meant, with paths into the configuration
 * (`roles[2].rules[0].when.arguments.customer_id`); empty: every rule becomes a policy.
 */
export function checkRoles(config: GatewayConfig): readonly Finding[] {
  const organizations = new Map<string, { readonly roles: RoleConfig[]; readonly places: number[] }>();
  config.roles.forEach((role, place) => {
    const group = organizations.get(role.organization) ?? { roles: [], places: [] };
    organizations.set(role.organization, group);
    group.roles.push(role);
    group.places.push(place);
  });
  return [...organizations].flatMap(([organization, { roles, places }]) =>
    compileRoles(organization, roles).findings.map(({ path, message }) => ({ path: path.replace(/^roles\[(\d+)\]/, (_whole, index: string) => `roles[${places[Number(index)]}]`), message })),
  );
}
