import { Controller, Inject } from '@nestjs/common';
import { registryDeleteSecret, registryListSecrets, registryPutSecret } from '@mcpgw/contracts';
import { HandleRpc } from '@mcpgw/platform-bus';
import type { z } from 'zod';
import { Secrets } from './secrets.js';

@Controller()
export class SecretsController {
  constructor(@Inject(Secrets) private readonly secrets: Secrets) {}

  @HandleRpc(registryPutSecret)
  put(request: z.output<typeof registryPutSecret.request>): Promise<z.output<typeof registryPutSecret.reply>> {
    return this.secrets.put(request);
  }

  @HandleRpc(registryListSecrets)
  list(request: z.output<typeof registryListSecrets.request>): Promise<z.output<typeof registryListSecrets.reply>> {
    return this.secrets.list(request.organization);
  }

  @HandleRpc(registryDeleteSecret)
  delete(request: z.output<typeof registryDeleteSecret.request>): Promise<z.output<typeof registryDeleteSecret.reply>> {
    return this.secrets.delete(request);
  }
}
