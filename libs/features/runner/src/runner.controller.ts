import { registryChanged, runnerCancel, runnerDiscover, runnerInvoke, runnerSealSecret, runnerStatus, runnerWatch, type SealedSecret, type ServerDefinition, type ServiceStatus, type UpstreamReply } from '@mcpgw/contracts';
import { HandleEvent, HandleRpc } from '@mcpgw/platform-bus';
import { Health, HEALTH } from '@mcpgw/platform-runtime';
import { Controller, Inject } from '@nestjs/common';
import type { z } from 'zod';
import { RunnerParts } from './runner.parts.js';

type Payload<Message extends { readonly request: z.ZodType }> = z.output<Message['request']>;

/** Bus messages to use cases. */
@Controller()
export class RunnerController {
  constructor(
    @Inject(RunnerParts) private readonly runner: RunnerParts,
    @Inject(HEALTH) private readonly health: Health,
  ) {}

  @HandleRpc(runnerInvoke)
  invoke(request: Payload<typeof runnerInvoke>): Promise<UpstreamReply> {
    return this.runner.invoke.run(request);
  }

  @HandleEvent(runnerCancel)
  cancel({ callId, reason }: z.output<typeof runnerCancel.payload>): void {
    this.runner.invoke.cancel(callId, reason);
  }

  @HandleRpc(runnerDiscover)
  discover({ organization, server, revision }: Payload<typeof runnerDiscover>): Promise<ServerDefinition> {
    return this.runner.discover.run(organization, server, revision);
  }

  @HandleRpc(runnerSealSecret)
  async sealSecret({ organization, name, value }: Payload<typeof runnerSealSecret>): Promise<SealedSecret> {
    return this.runner.secrets.seal(organization, name, value);
  }

  @HandleEvent(registryChanged)
  registryChanged({ organization }: z.output<typeof registryChanged.payload>): Promise<void> {
    return this.runner.pool.expire(organization);
  }

  @HandleEvent(runnerWatch)
  watch(request: z.output<typeof runnerWatch.payload>): void {
    this.runner.watches.set(request);
  }

  @HandleRpc(runnerStatus)
  async status(): Promise<ServiceStatus> {
    return this.health.status();
  }
}
