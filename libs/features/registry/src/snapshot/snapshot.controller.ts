import { Controller, Inject } from '@nestjs/common';
import { registryServer, registrySnapshot } from '@mcpgw/contracts';
import { HandleRpc } from '@mcpgw/platform-bus';
import type { z } from 'zod';
import { Snapshot } from './snapshot.js';

@Controller()
export class SnapshotController {
  constructor(@Inject(Snapshot) private readonly snapshot: Snapshot) {}

  @HandleRpc(registrySnapshot)
  changedSince(request: z.output<typeof registrySnapshot.request>): Promise<z.output<typeof registrySnapshot.reply>> {
    return this.snapshot.changedSince(request.known);
  }

  @HandleRpc(registryServer)
  server(request: z.output<typeof registryServer.request>): Promise<z.output<typeof registryServer.reply>> {
    return this.snapshot.server(request.organization, request.server);
  }
}
