import type { OrganizationName, ServerName } from '@mcpgw/contracts';
import type { Catalog } from '../catalog/catalog.js';
import type { ResourceWatchPort } from '../ports.js';

/** Has each resource watched where its server is: HTTP servers are the edge's own, those on stdio the runner's. */
export class ResourceWatches implements ResourceWatchPort {
  constructor(
    private readonly catalog: Catalog,
    private readonly http: ResourceWatchPort,
    private readonly stdio: ResourceWatchPort,
  ) {}

  watch(organization: OrganizationName, server: ServerName, uri: string): () => void {
    const view = this.catalog.view.organization(organization)?.server(server);
    if (!view) return () => undefined;
    return (view.config.http ? this.http : this.stdio).watch(organization, server, uri);
  }
}
