import { GatewayError, policyDecide, toGatewayError, type Decision, type DecisionRequest, type OrganizationName, type PolicyAction } from '@mcpgw/contracts';
import type { Bus } from '@mcpgw/platform-bus';
import type { PolicyPort } from '../ports.js';
import type { LocalPolicy } from './local-policy.js';

/** Asks the PDP for every call (`policy.mode: remote`). What lists show still comes from the bundles held here, which `local` keeps fresh. */
export class RemotePolicy implements PolicyPort {
  constructor(
    private readonly bus: Bus,
    private readonly local: LocalPolicy,
  ) {}

  /** Rejects with `unavailable` or `timeout` when the PDP doesn't answer: the call must not be made. */
  async decide(request: DecisionRequest): Promise<Decision> {
    try {
      return await this.bus.request(policyDecide, request);
    } catch (thrown) {
      const cause = toGatewayError(thrown);
      const code = cause.code === 'timeout' ? 'timeout' : 'unavailable';
      throw new GatewayError(code, 'The access rules could not be asked, so the call was not made. Try again.', { cause });
    }
  }

  mayEver(organization: OrganizationName, roles: readonly string[], action: PolicyAction, server: string, target: string): boolean {
    return this.local.mayEver(organization, roles, action, server, target);
  }

  digest(organization: OrganizationName): string | undefined {
    return this.local.digest(organization);
  }
}
