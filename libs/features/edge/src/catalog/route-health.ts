import type { OrganizationName } from '@mcpgw/contracts';
import type { Health } from '@mcpgw/platform-runtime';
import type { CatalogView } from './catalog-view.js';
import type { Endpoint } from './endpoint.js';
import type { OfferKind } from './offer.js';

const KINDS: readonly OfferKind[] = ['tools', 'prompts', 'resources', 'resourceTemplates', 'skills'];
const MAX_NAMED = 3;
const MAX_ROUTES = 100;

/** Says in the status which routes without prefixes show less than they should, since two of their servers claim a name. */
export class RouteHealth {
  private readonly troubled = new Map<string, OrganizationName>();

  constructor(
    private readonly health: Health,
    private readonly view: CatalogView,
  ) {
    health.detail('appDomainsRemoved', () => Object.fromEntries(view.all().flatMap(({ organization: { name } }) => {
      const removed = view.organization(name)?.domains.report() ?? [];
      return removed.length === 0 ? [] : [[name, removed]];
    })));
  }

  /** Looks again at organizations that are new, changed or gone. */
  update(organizations: readonly OrganizationName[]): void {
    for (const [component, owner] of this.troubled) {
      if (!organizations.includes(owner)) continue;
      this.troubled.delete(component);
      this.health.ok(component);
    }
    for (const name of organizations) {
      const organization = this.view.organization(name);
      for (const route of organization?.view.routes ?? []) {
        const endpoint = route.prefix === 'never' ? organization?.endpoint(route.name) : undefined;
        if (endpoint?.naming === 'never') this.look(name, route.name, endpoint);
      }
    }
  }

  private look(organization: OrganizationName, route: string, endpoint: Endpoint): void {
    const claims = KINDS.flatMap((kind) => [...endpoint.names.contested(kind)].map(([name, servers]) => `${JSON.stringify(name)} (${servers.join(', ')})`));
    if (claims.length === 0 || this.troubled.size >= MAX_ROUTES) return;
    const component = `route ${organization}/${route}`;
    const more = claims.length > MAX_NAMED ? `, and ${claims.length - MAX_NAMED} more` : '';
    this.troubled.set(component, organization);
    this.health.fail(component, {
      message: `Claimed by more than one server and therefore not shown: ${claims.slice(0, MAX_NAMED).join(', ')}${more}.`,
      action: 'Set the route\'s prefix to "when-needed" or "always", or take one of the servers out of it.',
    });
  }
}
