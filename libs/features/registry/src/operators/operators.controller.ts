import { Controller, Inject } from '@nestjs/common';
import { registryAuthenticateOperator, registryBootstrap } from '@mcpgw/contracts';
import { HandleRpc } from '@mcpgw/platform-bus';
import type { z } from 'zod';
import { Operators } from './operators.js';

@Controller()
export class OperatorsController {
  constructor(@Inject(Operators) private readonly operators: Operators) {}

  @HandleRpc(registryBootstrap)
  bootstrap(): Promise<z.output<typeof registryBootstrap.reply>> {
    return this.operators.bootstrap();
  }

  @HandleRpc(registryAuthenticateOperator)
  authenticate(request: z.output<typeof registryAuthenticateOperator.request>): Promise<z.output<typeof registryAuthenticateOperator.reply>> {
    return this.operators.authenticate(request.token);
  }
}
