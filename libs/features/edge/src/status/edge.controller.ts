import { Controller, Inject } from '@nestjs/common';
import { edgeDiscover, edgeStatus, type Rpc, type ServerDefinition, type ServiceStatus } from '@mcpgw/contracts';
import { HandleRpc } from '@mcpgw/platform-bus';
import { HEALTH, type Health } from '@mcpgw/platform-runtime';
import { HTTP_SERVERS, type HttpServers } from '../upstreams/http-servers.js';

type RequestOf<Message> = Message extends Rpc<infer Request, unknown> ? Request : never;

/** What other services ask of an edge. */
@Controller()
export class EdgeController {
  constructor(
    @Inject(HEALTH) private readonly health: Health,
    @Inject(HTTP_SERVERS) private readonly servers: HttpServers,
  ) {}

  @HandleRpc(edgeStatus)
  async status(): Promise<ServiceStatus> {
    return this.health.status();
  }

  @HandleRpc(edgeDiscover)
  discover({ config, secrets }: RequestOf<typeof edgeDiscover>): Promise<ServerDefinition> {
    return this.servers.discover(config, secrets);
  }
}
