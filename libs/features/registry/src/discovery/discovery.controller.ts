import { Controller, Inject } from '@nestjs/common';
import { registryChanged, registryRefreshServer, upstreamChanged, type ServerView } from '@mcpgw/contracts';
import { HandleEvent, HandleRpc } from '@mcpgw/platform-bus';
import type { z } from 'zod';
import { Discovery } from './discovery.js';
import { RefreshServer } from './refresh.js';

@Controller()
export class DiscoveryController {
  constructor(
    @Inject(Discovery) private readonly discovery: Discovery,
    @Inject(RefreshServer) private readonly refreshing: RefreshServer,
  ) {}

  @HandleRpc(registryRefreshServer)
  refresh(request: z.output<typeof registryRefreshServer.request>): Promise<ServerView> {
    return this.refreshing.refresh(request.organization, request.server);
  }

  @HandleEvent(upstreamChanged)
  upstreamChanged(hint: z.output<typeof upstreamChanged.payload>): void {
    this.discovery.hint(hint);
  }

  /** Our own changes, and those of another registry: there may be a new server. */
  @HandleEvent(registryChanged)
  registryChanged(): void {
    this.discovery.poke();
  }
}
