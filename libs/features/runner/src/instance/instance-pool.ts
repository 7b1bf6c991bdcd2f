import { GatewayError, type OrganizationName, type ServerName, type UpstreamClient } from '@mcpgw/contracts';
import type { Health, Logger } from '@mcpgw/platform-runtime';
import { Blueprints, type BlueprintOptions } from './blueprint.js';
import type { Instance } from './instance.js';
import type { Lane } from './lane.js';
import { NoRoom } from './lanes.js';
import { News } from './news.js';
import { ServerSlot } from './server-slot.js';

export interface PoolOptions extends BlueprintOptions {
  readonly health: Health;
  readonly logger: Logger;
  readonly idleMs: number;
  readonly maxInstances: number;
  /** Of processes that are for one caller alone. */
  readonly scopeIdleMs: number;
  readonly maxScopes: number;
}

const MAX_SWEEP_MS = 5_000;
const NOTHING: ReadonlySet<string> = new Set();

/** All servers of this runner: who runs, who is idle, who makes room for whom. */
export class InstancePool {
  private readonly slots = new Map<string, ServerSlot>();
  private readonly news: News;
  private readonly blueprints: Blueprints;
  private readonly sweeper: NodeJS.Timeout;
  private readonly stopping = new AbortController();

  constructor(private readonly options: PoolOptions) {
    this.news = new News(options.bus);
    this.blueprints = new Blueprints(options, this.stopping.signal, (organization, server, method, params) => {
      this.news.notified(organization, server, method, params, this.slots.get(keyOf(organization, server))?.watched ?? NOTHING);
    });
    this.sweeper = setInterval(() => this.stopIdle(), Math.min(MAX_SWEEP_MS, options.idleMs / 2, options.scopeIdleMs / 2)).unref();
  }

  /** A running instance of the server; see `ServerSlot.acquire`. */
  async acquire(organization: OrganizationName, server: ServerName, revision: number, client?: UpstreamClient): Promise<Instance> {
    return this.with(organization, server, (slot) => slot.acquire(revision, client));
  }

  /** What is watched of a server from now on; see `ServerSlot.watch`. What fails is tried again when the watch is renewed. */
  watch(organization: OrganizationName, server: ServerName, uris: ReadonlySet<string>): void {
    if (uris.size === 0 && !this.slots.has(keyOf(organization, server))) return;
    this.with(organization, server, (slot) => slot.watch(uris)).catch(() => {});
  }

  /** The words in which the operator is told what is wrong with a server. */
  problemOf(organization: OrganizationName, server: ServerName): string | undefined {
    return this.slots.get(keyOf(organization, server))?.failures.problem;
  }

  /** The registry hinted that something of this organization changed: what was replaced or removed there ends here. */
  async expire(organization: OrganizationName): Promise<void> {
    const slots = [...this.slots].filter(([key]) => key.startsWith(`${organization}/`));
    await Promise.all(slots.map(async ([key, slot]) => ((await slot.expire()) ? undefined : this.forget(key))));
  }

  describe(): readonly object[] {
    return [...this.slots].map(([key, slot]) => describeSlot(key, slot));
  }

  async close(): Promise<void> {
    this.stopping.abort();
    clearInterval(this.sweeper);
    this.news.close();
    await Promise.all([...this.slots.values()].map((slot) => slot.close()));
    await this.blueprints.settled();
  }

  private async with<Result>(organization: OrganizationName, server: ServerName, work: (slot: ServerSlot) => Promise<Result>): Promise<Result> {
    if (this.stopping.signal.aborted) throw new GatewayError('unavailable', 'The runner is stopping. Try again.');
    await this.options.sandbox();
    try {
      return await work(this.slot(organization, server));
    } catch (error) {
      if (error instanceof GatewayError && error.code === 'not_found') this.forget(keyOf(organization, server));
      throw error;
    }
  }

  private slot(organization: OrganizationName, server: ServerName): ServerSlot {
    const key = keyOf(organization, server);
    const existing = this.slots.get(key);
    if (existing) return existing;
    const slot = new ServerSlot({
      organization,
      server,
      clock: this.options.clock,
      maxScopes: this.options.maxScopes,
      load: () => this.blueprints.load(organization, server),
      makeRoom: (lane) => this.makeRoom(lane),
      onProblem: (problem) => this.report(organization, server, problem),
      onOtherEra: () => this.news.listsChanged(organization, server),
    });
    this.slots.set(key, slot);
    return slot;
  }

  /** Stops the instance that was idle longest when as many run as may. */
  private makeRoom(forLane: Lane): void {
    const running = [...this.slots.values()].flatMap((slot) => slot.lanes.all().flatMap((lane) => (lane !== forLane && lane.isRunning ? [{ slot, lane }] : [])));
    if (running.length < this.options.maxInstances) return;
    const idle = running.flatMap(({ slot, lane }) => (lane.isIdle && lane.current ? [{ slot, lane, at: lane.current.lastUsedAt }] : [])).sort((a, b) => a.at - b.at)[0];
    if (!idle) throw new NoRoom(`All ${this.options.maxInstances} servers that may run at once are busy. Try again, or raise MCPGW_RUNNER_MAX_INSTANCES.`);
    void idle.slot.stop(idle.lane);
  }

  private stopIdle(): void {
    const now = this.options.clock.now();
    for (const slot of this.slots.values()) {
      for (const lane of slot.lanes.all()) {
        // One that is watched has work without calls.
        if (!lane.current || !lane.isIdle || (!lane.isOwn && slot.watched.size > 0)) continue;
        if (now - lane.current.lastUsedAt > (lane.isOwn ? this.options.scopeIdleMs : this.options.idleMs)) void slot.stop(lane);
      }
      slot.lanes.dropStopped();
    }
  }

  private report(organization: OrganizationName, server: ServerName, problem: string | undefined): void {
    const component = `server ${organization}/${server}`;
    if (problem === undefined) return this.options.health.ok(component);
    this.options.health.fail(component, { message: problem, action: `Repair or reconfigure the server "${server}"; it is started again by the next call.` });
    // Without the words: what a server prints may repeat what it was called with.
    this.options.logger.warn({ organization, server }, 'a server failed; mcpgw status says why');
  }

  private forget(key: string): void {
    void this.slots.get(key)?.close();
    this.slots.delete(key);
    this.options.health.ok(`server ${key}`);
  }
}

function describeSlot(key: string, slot: ServerSlot): object {
  const instances = slot.lanes.all().flatMap((lane) => lane.current ?? []);
  const usages = instances.flatMap((instance) => instance.usage() ?? []);
  const sum = <Item>(items: readonly Item[], of: (item: Item) => number): number => items.reduce((total, item) => total + of(item), 0);
  return {
    server: key,
    revision: slot.revision,
    state: slot.state(),
    restarts: slot.failures.count,
    inFlight: sum(instances, (instance) => instance.inFlight),
    scopes: slot.lanes.owned().filter((lane) => lane.isRunning).length,
    ...(slot.era.known === undefined ? {} : { era: slot.era.known }),
    ...(instances.length > 0 ? { startedAt: new Date(Math.min(...instances.map((instance) => instance.startedAt))).toISOString(), garbageLines: sum(instances, (instance) => instance.garbageLines) } : {}),
    ...(usages.length > 0 ? { processes: sum(usages, (usage) => usage.processes), memoryMb: Math.round(sum(usages, (usage) => usage.memoryBytes) / 1_048_576) } : {}),
    ...(slot.failures.problem === undefined ? {} : { problem: slot.failures.problem }),
  };
}

function keyOf(organization: OrganizationName, server: ServerName): string {
  return `${organization}/${server}`;
}
