import { Inject, Injectable } from '@nestjs/common';
import type { Decision } from '@mcpgw/contracts';
import { CLOCK, type Clock } from '@mcpgw/platform-runtime';
import type { Principal } from '../authn/principal.js';
import type { OrganizationCatalog } from '../catalog/organization-catalog.js';
import { CallLimits, type Spent } from '../limits/call-limits.js';
import type { PolicyPort } from '../ports.js';
import { POLICY } from '../tokens.js';
import type { Wanted } from './wanted.js';

const NOT_COUNTED: Spent = { allowed: true, headers: {} };

/** Limits and policy of one call. */
@Injectable()
export class Judge {
  private readonly limits = new CallLimits();

  constructor(
    @Inject(POLICY) private readonly policy: PolicyPort,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  mayEver({ organization, roles }: Principal, { action, destination }: Wanted): boolean {
    return this.policy.mayEver(organization, roles, action, destination.server.config.name, destination.target);
  }

  /** Whether the principal might still do this with some arguments: for what follows from a call whose own were judged. */
  decideUnconditionally(principal: Principal, wanted: Wanted): Decision {
    const effect = this.mayEver(principal, wanted) ? 'permit' : 'deny';
    return { effect, ruleIds: [], bundleDigest: this.policy.digest(principal.organization) ?? '' };
  }

  spend(organization: OrganizationCatalog, principal: Principal, wanted: Wanted, counted: boolean): Spent {
    return counted ? this.limits.spend(organization, principal, wanted, this.clock.now()) : NOT_COUNTED;
  }

  decide(principal: Principal, { action, destination, arguments: given }: Wanted): Decision | Promise<Decision> {
    const { organization, consumer, user, roles, attributes } = principal;
    return this.policy.decide({
      organization,
      consumer,
      ...(user === undefined ? {} : { user }),
      roles: [...roles],
      attributes: { ...attributes },
      action,
      server: destination.server.config.name,
      target: destination.target,
      arguments: given,
    });
  }
}
