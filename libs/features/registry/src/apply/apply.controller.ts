import { Controller, Inject } from '@nestjs/common';
import { registryApply, registryDelete, registryExport, registryPut, type ApplyResult, type GatewayConfig } from '@mcpgw/contracts';
import { HandleRpc } from '@mcpgw/platform-bus';
import type { z } from 'zod';
import { ApplyConfig } from './apply-config.js';

@Controller()
export class ApplyController {
  constructor(@Inject(ApplyConfig) private readonly config: ApplyConfig) {}

  @HandleRpc(registryApply)
  apply(request: z.output<typeof registryApply.request>): Promise<ApplyResult> {
    return this.config.apply(request);
  }

  @HandleRpc(registryPut)
  put(request: z.output<typeof registryPut.request>): Promise<ApplyResult> {
    return this.config.put(request);
  }

  @HandleRpc(registryDelete)
  delete(request: z.output<typeof registryDelete.request>): Promise<ApplyResult> {
    return this.config.delete(request);
  }

  @HandleRpc(registryExport)
  export(request: z.output<typeof registryExport.request>): Promise<GatewayConfig> {
    return this.config.export(request.organization);
  }
}
