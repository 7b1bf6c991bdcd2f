import type { Decision, DecisionRequest, OrganizationName, PolicyAction } from '@mcpgw/contracts';
import type { ServiceContext } from '@mcpgw/platform-runtime';
import type { PolicyPort } from '../ports.js';

/** Decides in this process, on the PDP's signed bundles. */
export class LocalPolicy implements PolicyPort {
  /** Bundles are kept in `<dataDir>/edge/bundles`. */
  constructor(
    private readonly context: ServiceContext,
    private readonly dataDir: string,
  ) {}

  /** Loads the last good bundles from disk, then pulls in the background. Returns at once. */
  start(): void {
    this.context.health.detail('policyDataDir', () => this.dataDir);
  }

  async close(): Promise<void> {}

  /** Calls back whenever the digest of an organization changed (its lists may be others now). Returns the way to stop. */
  onChange(_listener: (organization: OrganizationName) => void): () => void {
    return () => undefined;
  }

  decide(_request: DecisionRequest): Decision {
    return { effect: 'deny', ruleIds: [], bundleDigest: '' };
  }

  mayEver(_organization: OrganizationName, _roles: readonly string[], _action: PolicyAction, _server: string, _target: string): boolean {
    return false;
  }

  digest(_organization: OrganizationName): string | undefined {
    return undefined;
  }

  /** Milliseconds since the PDP last confirmed what is held; `undefined` before it ever did in this process. */
  ageMs(): number | undefined {
    return undefined;
  }
}
