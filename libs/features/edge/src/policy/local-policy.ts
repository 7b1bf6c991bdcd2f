import path from 'node:path';
import { policyBundles, policyChanged, toGatewayError, type Decision, type DecisionRequest, type OrganizationName, type PolicyAction, type SignedBundle } from '@mcpgw/contracts';
import { PolicyEngine } from '@mcpgw/core-policy';
import type { Subscription } from '@mcpgw/platform-bus';
import { Periodic, type ServiceContext } from '@mcpgw/platform-runtime';
import type { PolicyPort } from '../ports.js';
import { BundleFiles } from './bundle-files.js';
import { BundleVerifier } from './bundle-verifier.js';

const PULL_EVERY_MS = 2_000;
/** A PDP that says `more` without end is broken. */
const MAX_PAGES = 10_000;
const READY = 'policy';
const REFRESH = 'policy refresh';
const DISK = 'policy files';

interface Held {
  readonly digest: string;
  readonly revision: number;
}

/**
 * Decides in this process, on the PDP's signed bundles. What is held stays in force until something newer with a good
 * signature replaces it: an unreachable PDP costs freshness, never a decision. No bundle: everything is denied.
 */
export class LocalPolicy implements PolicyPort {
  private readonly engine = new PolicyEngine();
  private readonly held = new Map<OrganizationName, Held>();
  /** Why an organization's newest bundle was refused, said once in the log. */
  private readonly refusals = new Map<OrganizationName, string>();
  private readonly listeners = new Set<(organization: OrganizationName) => void>();
  private readonly files: BundleFiles;
  private readonly verifier: BundleVerifier;
  private readonly pulls: Periodic;
  private subscription: Subscription | undefined;
  private stopReconnect: () => void = () => undefined;
  private confirmedAt: number | undefined;

  /** Bundles are kept in `<dataDir>/edge/bundles`. */
  constructor(
    private readonly context: ServiceContext,
    dataDir: string,
  ) {
    this.files = new BundleFiles(path.join(dataDir, 'edge', 'bundles'));
    this.verifier = new BundleVerifier(context.keyFiles);
    this.pulls = new Periodic(PULL_EVERY_MS, () => this.pull(), (error) => this.failed(error));
  }

  /** Loads the last good bundles from disk, then pulls in the background. Returns at once. */
  start(): void {
    const { bus, health } = this.context;
    health.require(READY, 'Wait for the policy service, or start it: this edge holds no access rules yet and denies everything.');
    health.detail('policyBundles', () => ({ organizations: this.held.size, confirmedMsAgo: this.ageMs() ?? null }));
    for (const signed of this.files.load()) this.accept(signed);
    if (this.held.size > 0) health.ok(READY);
    this.subscription = bus.subscribe(policyChanged, () => this.pulls.poke());
    this.stopReconnect = bus.onReconnect(() => this.pulls.poke());
    void this.pulls.start();
  }

  async close(): Promise<void> {
    this.stopReconnect();
    await this.subscription?.close();
    await this.pulls.close();
  }

  /** Calls back whenever the digest of an organization changed (its lists may be others now). Returns the way to stop. */
  onChange(listener: (organization: OrganizationName) => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  decide(request: DecisionRequest): Decision {
    return this.engine.decide(request);
  }

  mayEver(organization: OrganizationName, roles: readonly string[], action: PolicyAction, server: string, target: string): boolean {
    return this.engine.mayEver(organization, roles, action, server, target);
  }

  digest(organization: OrganizationName): string | undefined {
    return this.engine.digest(organization);
  }

  /** Milliseconds since the PDP last confirmed what is held; `undefined` before it ever did in this process. */
  ageMs(): number | undefined {
    return this.confirmedAt === undefined ? undefined : Math.max(0, this.context.clock.now() - this.confirmedAt);
  }

  private async pull(): Promise<void> {
    // What was refused counts as known for this round, or the PDP would offer nothing else.
    const refused = new Map<OrganizationName, string>();
    for (let page = 0; page < MAX_PAGES; page += 1) {
      const known = Object.fromEntries([...[...this.held].map(([name, { digest }]) => [name, digest] as const), ...refused]);
      const reply = await this.context.bus.request(policyBundles, { known });
      for (const organization of reply.removed) await this.remove(organization);
      for (const signed of reply.bundles) {
        if (this.accept(signed)) await this.onDisk(() => this.files.save(signed));
        else refused.set(signed.organization, signed.digest);
      }
      if (!reply.more) break;
    }
    this.confirmedAt = this.context.clock.now();
    this.context.health.ok(READY);
    this.context.health.ok(REFRESH);
  }

  /** Puts a bundle in force unless it is not the PDP's or older than what is held. */
  private accept(signed: SignedBundle): boolean {
    const { organization, digest } = signed;
    const component = `policy of ${organization}`;
    const problem = this.problemOf(signed);
    if (problem !== undefined) {
      if (this.refusals.get(organization) !== problem) this.context.logger.warn({ organization, digest, problem }, 'policy bundle refused; what was held stays in force');
      this.refusals.set(organization, problem);
      this.context.health.fail(component, {
        message: `A policy bundle of ${organization} was refused: ${problem}.`,
        action: `Check that edge and policy service share the key policy-signing. If the registry was restored from an older state, remove ${this.files.file(organization)} and restart the edge.`,
      });
      return false;
    }
    this.refusals.delete(organization);
    this.context.health.ok(component);
    this.context.logger.info({ organization, digest, revision: this.held.get(organization)?.revision }, 'policy bundle in force');
    this.notify(organization);
    return true;
  }

  /** Opens and loads the bundle; what keeps it from being used, or `undefined` when it is in force. */
  private problemOf(signed: SignedBundle): string | undefined {
    const opened = this.verifier.open(signed);
    if ('problem' in opened) return opened.problem;
    const { bundle } = opened;
    const held = this.held.get(bundle.organization);
    if (held && bundle.revision < held.revision) return `its revision ${bundle.revision} is older than ${held.revision}, which is held`;
    this.engine.load(bundle, signed.digest);
    this.held.set(bundle.organization, { digest: signed.digest, revision: bundle.revision });
    return undefined;
  }

  private async remove(organization: OrganizationName): Promise<void> {
    if (!this.refusals.delete(organization) && !this.held.has(organization)) return;
    this.held.delete(organization);
    this.engine.remove(organization);
    this.context.health.ok(`policy of ${organization}`);
    this.context.logger.info({ organization }, 'organization removed; everything of it is denied');
    this.notify(organization);
    await this.onDisk(() => this.files.remove(organization));
  }

  /** A disk that fails costs the restart without the PDP, nothing now. */
  private async onDisk(work: () => Promise<void>): Promise<void> {
    try {
      await work();
      this.context.health.ok(DISK);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.context.health.fail(DISK, { message: `Policy bundles can't be kept on disk: ${reason}`, action: 'Make room and check the rights of the data folder; until then this edge needs the policy service to restart.' });
    }
  }

  private notify(organization: OrganizationName): void {
    for (const listener of this.listeners) listener(organization);
  }

  private failed(thrown: unknown): void {
    const error = toGatewayError(thrown);
    if (error.code === 'internal') this.context.logger.error({ err: error.cause }, 'pulling policy bundles failed');
    this.context.health.fail(REFRESH, { message: `Policy bundles can't be refreshed: ${error.message}`, action: 'Check that the policy service runs and has read the registry. The bundles held stay in force.' });
  }
}
