import { Controller, Inject } from '@nestjs/common';
import { registryCreateKey, registryListKeys, registryRevokeKey } from '@mcpgw/contracts';
import { HandleRpc } from '@mcpgw/platform-bus';
import type { z } from 'zod';
import { ApiKeys } from './api-keys.js';

@Controller()
export class KeysController {
  constructor(@Inject(ApiKeys) private readonly keys: ApiKeys) {}

  @HandleRpc(registryCreateKey)
  create(request: z.output<typeof registryCreateKey.request>): Promise<z.output<typeof registryCreateKey.reply>> {
    return this.keys.create(request);
  }

  @HandleRpc(registryListKeys)
  list(request: z.output<typeof registryListKeys.request>): Promise<z.output<typeof registryListKeys.reply>> {
    return this.keys.list(request);
  }

  @HandleRpc(registryRevokeKey)
  revoke(request: z.output<typeof registryRevokeKey.request>): Promise<z.output<typeof registryRevokeKey.reply>> {
    return this.keys.revoke(request);
  }
}
