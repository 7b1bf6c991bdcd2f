import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { toGatewayError } from '@mcpgw/contracts';
import { LOGGER, Periodic, type Logger } from '@mcpgw/platform-runtime';
import { REGISTRY_CONFIG, type RegistryConfig } from '../registry.config.js';
import { Ask } from './ask.js';
import { Claims, type Claim, type TransportKind } from './claims.js';
import { Settle } from './settle.js';

const TICK_MS = 500;
const RENEW_MS = 3_000;
/** After nobody was there to ask servers of a kind, so long until one of the kind is tried again. */
const PAUSE_MS = 1_000;
/** More hints at a time are dropped: every ready server is asked again by and by in any case. */
const MAX_HINTS = 10_000;

export interface Hint {
  readonly organization: string;
  readonly server: string;
}

/**
 * Asks servers what they offer, each at its time, several at once. One that hangs or fails keeps one of the places busy at
 * most until its deadline, and those that failed before get at most half of the places, so that the others go on.
 */
@Injectable()
export class Discovery implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly underWay = new Map<Claim, Promise<void>>();
  private readonly hints = new Map<string, Hint>();
  private readonly pausedUntil = new Map<TransportKind, number>();
  private readonly stopping = new AbortController();
  private readonly loop: Periodic;
  private renewedAt = 0;

  constructor(
    @Inject(Claims) private readonly claims: Claims,
    @Inject(Ask) private readonly ask: Ask,
    @Inject(Settle) private readonly settle: Settle,
    @Inject(REGISTRY_CONFIG) private readonly config: RegistryConfig,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    this.loop = new Periodic(TICK_MS, () => this.tick(), (error) => this.report(error));
  }

  onApplicationBootstrap(): void {
    void this.loop.start();
  }

  /** Gives every claim back, so that another replica, or the next start, asks at once. */
  async onModuleDestroy(): Promise<void> {
    await this.loop.close();
    this.stopping.abort();
    await Promise.all(this.underWay.values());
  }

  /** Something may be due: look now. */
  poke(): void {
    this.loop.poke();
  }

  /** An upstream said that its lists changed. Hints are gathered until the next look. */
  hint(hint: Hint): void {
    if (this.hints.size < MAX_HINTS) this.hints.set(`${hint.organization}/${hint.server}`, hint);
  }

  private async tick(): Promise<void> {
    if (this.hints.size > 0) {
      const hints = [...this.hints.values()];
      this.hints.clear();
      await this.claims.request(hints);
    }
    const now = performance.now();
    if (this.underWay.size > 0 && now - this.renewedAt >= RENEW_MS) {
      this.renewedAt = now;
      await this.claims.renew([...this.underWay.keys()]);
    }
    const kinds = (['stdio', 'http'] as const).filter((kind) => (this.pausedUntil.get(kind) ?? 0) <= now);
    await this.start(kinds, false, this.config.discoveryParallel - this.underWay.size);
    const failing = [...this.underWay.keys()].filter((claim) => claim.failures > 0).length;
    const places = Math.max(1, Math.floor(this.config.discoveryParallel / 2)) - failing;
    await this.start(kinds, true, Math.min(places, this.config.discoveryParallel - this.underWay.size));
  }

  private async start(kinds: readonly TransportKind[], failing: boolean, limit: number): Promise<void> {
    for (const claim of await this.claims.claim({ limit, kinds, failing })) {
      const work = this.discover(claim)
        .catch((error: unknown) => this.report(error))
        .finally(() => {
          this.underWay.delete(claim);
          this.poke();
        });
      this.underWay.set(claim, work);
    }
  }

  private async discover(claim: Claim): Promise<void> {
    const answer = await this.ask.ask(claim, this.stopping.signal);
    if (answer.kind === 'waiting') this.pausedUntil.set(claim.config.stdio ? 'stdio' : 'http', performance.now() + PAUSE_MS);
    await this.settle.settle(claim, answer);
  }

  /** Postgres away is said by the health; a claim that couldn't be settled runs out by itself. */
  private report(error: unknown): void {
    const fault = toGatewayError(error);
    if (fault.code === 'unavailable') return;
    this.logger.error({ error: fault.cause instanceof Error ? fault.cause.message : fault.message }, 'discovery failed');
  }
}
