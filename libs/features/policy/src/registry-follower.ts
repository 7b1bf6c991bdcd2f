import { setImmediate } from 'node:timers/promises';
import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { policyChanged, registryChanged, registrySnapshot, toGatewayError, type OrganizationName, type OrganizationView } from '@mcpgw/contracts';
import type { Bus, Subscription } from '@mcpgw/platform-bus';
import { BUS, Health, HEALTH, LOGGER, Periodic, type Logger } from '@mcpgw/platform-runtime';
import { BundleStore } from './bundle-store.js';
import { POLICY_CONFIG, type PolicyConfig } from './policy-config.js';

const BUNDLES = 'bundles';
const REGISTRY = 'registry';
/** A registry that says `more` without end is broken; 4 MiB each, this is more than any holds. */
const MAX_PAGES = 10_000;

/** Keeps the bundles in step with the registry: on start, on its hint, when the bus is back, and every few seconds in any case. */
@Injectable()
export class RegistryFollower implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly pulls: Periodic;
  private subscription: Subscription | undefined;
  private stopReconnect: () => void = () => undefined;
  private complete = false;

  constructor(
    @Inject(BUS) private readonly bus: Bus,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(HEALTH) private readonly health: Health,
    @Inject(POLICY_CONFIG) config: PolicyConfig,
    private readonly store: BundleStore,
  ) {
    this.pulls = new Periodic(config.policyPullMs, () => this.pull(), (error) => this.failed(error));
  }

  onApplicationBootstrap(): void {
    this.health.require(BUNDLES, 'Wait for the registry, or start it: the policy service has read nothing from it yet.');
    this.health.detail(BUNDLES, () => this.store.totals());
    this.subscription = this.bus.subscribe(registryChanged, () => this.pulls.poke());
    this.stopReconnect = this.bus.onReconnect(() => this.pulls.poke());
    void this.pulls.start();
  }

  async onModuleDestroy(): Promise<void> {
    this.stopReconnect();
    await this.subscription?.close();
    await this.pulls.close();
  }

  /** Whether all organizations have been read once. Before, what is missing here may well exist. */
  isComplete(): boolean {
    return this.complete;
  }

  private async pull(): Promise<void> {
    for (let page = 0; page < MAX_PAGES; page += 1) {
      const reply = await this.bus.request(registrySnapshot, { known: this.store.revisions() });
      reply.removed.forEach((organization) => this.remove(organization));
      for (const view of reply.changed) {
        this.accept(view);
        // Compiling a large organization takes a while; others in this process have calls to serve.
        await setImmediate();
      }
      if (!reply.more) break;
    }
    this.complete = true;
    this.health.ok(BUNDLES);
    this.health.ok(REGISTRY);
  }

  private accept(view: OrganizationView): void {
    const organization = view.organization.name;
    const { digest, findings } = this.store.accept(view);
    const [first] = findings;
    if (first) {
      this.logger.error({ organization, revision: view.revision, findings: findings.slice(0, 10) }, 'roles do not compile; the last good bundle stays in force');
      this.health.fail(component(organization), { message: `The roles of ${organization} do not compile: ${first.path}: ${first.message}`, action: 'Correct the role and apply the configuration again; until then the last good rules stay in force.' });
      return;
    }
    this.health.ok(component(organization));
    if (digest === undefined) return;
    this.logger.info({ organization, revision: view.revision, digest }, 'policy bundle made');
    this.bus.publish(policyChanged, { organization, digest });
  }

  private remove(organization: OrganizationName): void {
    if (!this.store.remove(organization)) return;
    this.health.ok(component(organization));
    this.logger.info({ organization }, 'policy bundle removed');
    this.bus.publish(policyChanged, { organization, digest: '' });
  }

  private failed(thrown: unknown): void {
    const error = toGatewayError(thrown);
    if (error.code === 'internal') this.logger.error({ err: error.cause }, 'reading the registry failed');
    this.health.fail(REGISTRY, { message: `The registry can't be read: ${error.message}`, action: 'Check that the registry runs and is ready. Bundles already made stay in force.' });
  }
}

function component(organization: OrganizationName): string {
  return `bundle ${organization}`;
}
