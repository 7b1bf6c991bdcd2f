import { Controller, Inject } from '@nestjs/common';
import { GatewayError, policyBundles, policyDecide, policyStatus, type Decision, type DecisionRequest, type ServiceStatus } from '@mcpgw/contracts';
import { HandleRpc } from '@mcpgw/platform-bus';
import { Health, HEALTH } from '@mcpgw/platform-runtime';
import { BundleStore, type BundlesPage } from './bundle-store.js';
import { RegistryFollower } from './registry-follower.js';

@Controller()
export class PolicyController {
  constructor(
    @Inject(HEALTH) private readonly health: Health,
    private readonly store: BundleStore,
    private readonly follower: RegistryFollower,
  ) {}

  @HandleRpc(policyBundles)
  async bundles({ known }: { readonly known: Readonly<Record<string, string>> }): Promise<BundlesPage> {
    this.assertComplete();
    return this.store.page(known);
  }

  @HandleRpc(policyDecide)
  async decide(request: DecisionRequest): Promise<Decision> {
    this.assertComplete();
    return this.store.decide(request);
  }

  @HandleRpc(policyStatus)
  async status(): Promise<ServiceStatus> {
    return this.health.status();
  }

  /** An incomplete answer would look as if organizations had been removed. */
  private assertComplete(): void {
    if (!this.follower.isComplete()) throw new GatewayError('unavailable', 'The policy service has not read the registry yet. Try again in some seconds.');
  }
}
