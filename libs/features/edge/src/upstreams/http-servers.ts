import type { OrganizationView, ServerConfig, ServerDefinition, UpstreamReply } from '@mcpgw/contracts';
import type { UpstreamCall, UpstreamPort } from '../ports.js';
import type { HttpUpstreams } from '../upstream/http-upstream.js';
import type { Catalog } from '../catalog/catalog.js';
import type { HttpTargets } from './http-targets.js';

export const HTTP_SERVERS = Symbol('HttpServers');

/** HTTP servers: calls to them, and finding out what they offer. */
export class HttpServers implements UpstreamPort {
  private stopListening = (): void => {};

  constructor(
    private readonly upstreams: HttpUpstreams,
    private readonly targets: HttpTargets,
    private readonly catalog: Catalog,
  ) {}

  /** From now on, connections to servers that are gone from the catalog end with their last call. */
  start(): void {
    this.stopListening = this.catalog.onChange(() => this.upstreams.retain((organization, server) => this.catalog.view.organization(organization)?.server(server) !== undefined));
  }

  invoke(call: UpstreamCall, signal: AbortSignal): Promise<UpstreamReply> {
    return this.upstreams.invoke(call, signal);
  }

  async discover(config: ServerConfig, secrets: OrganizationView['secrets']): Promise<ServerDefinition> {
    return this.upstreams.discover(config, this.targets.headers(config, secrets));
  }

  close(): Promise<void> {
    this.stopListening();
    return this.upstreams.close();
  }
}
