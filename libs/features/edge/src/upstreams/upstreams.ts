import { GatewayError, type UpstreamReply } from '@mcpgw/contracts';
import type { Catalog } from '../catalog/catalog.js';
import type { UpstreamCall, UpstreamPort } from '../ports.js';

/** Sends each call where its server is: HTTP servers are the edge's own, those on stdio the runner's. */
export class Upstreams implements UpstreamPort {
  constructor(
    private readonly catalog: Catalog,
    private readonly http: UpstreamPort,
    private readonly stdio: UpstreamPort,
  ) {}

  async invoke(call: UpstreamCall, signal: AbortSignal): Promise<UpstreamReply> {
    const server = this.catalog.view.organization(call.organization)?.server(call.server);
    if (!server) throw new GatewayError('upstream_failed', `The server "${call.server}" was removed while the call was on its way.`);
    return (server.config.http ? this.http : this.stdio).invoke(call, signal);
  }
}
