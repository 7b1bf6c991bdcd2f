import { GatewayError, type Era, type OrganizationName, type ServerName, type UpstreamClient } from '@mcpgw/contracts';
import type { Clock } from '@mcpgw/platform-runtime';
import type { Blueprint } from './blueprint.js';
import { EraVerdict } from './era-verdict.js';
import { Failures } from './failures.js';
import { StartFault, type Instance } from './instance.js';
import { Lane } from './lane.js';
import { Lanes, NoRoom } from './lanes.js';

export interface SlotOptions {
  readonly organization: OrganizationName;
  readonly server: ServerName;
  readonly clock: Clock;
  readonly maxScopes: number;
  /** Asks the registry. */
  readonly load: () => Promise<Blueprint>;
  /** Called before an instance is started, to make room for it. Throws `NoRoom` when there is none. */
  readonly makeRoom: (lane: Lane) => void;
  /** The server's trouble, in words for the operator; `undefined` when it is over. */
  readonly onProblem: (problem: string | undefined) => void;
  /** It speaks another era than it did: whoever knows what it offers should ask again. */
  readonly onOtherEra: () => void;
}

const RECHECK_MS = 10_000;
const DRAIN_MS = 300_000;
/** Leaves time for the steps of a stop within the service's own deadline. */
const CLOSE_DRAIN_MS = 5_000;
const NOTHING: ReadonlySet<string> = new Set();

/** One registered server in this runner: what the registry says of it, its processes by scope, and older ones that finish their calls. */
export class ServerSlot {
  revision = 0;
  readonly era: EraVerdict;
  readonly lanes: Lanes;
  readonly failures: Failures;
  /** Resources that somebody wants to hear of. */
  watched: ReadonlySet<string> = NOTHING;
  private blueprint: Blueprint | undefined;
  private checkedAt = 0;
  private checking: Promise<Blueprint> | undefined;
  private readonly leaving = new Set<Promise<void>>();
  private closed = false;

  constructor(private readonly options: SlotOptions) {
    const { server, clock } = options;
    this.era = new EraVerdict(clock);
    this.failures = new Failures(server, clock, options.onProblem);
    this.lanes = new Lanes((capabilities, isOwn) => {
      const lane = new Lane({ server, capabilities, isOwn, clock, failures: this.failures, start: () => this.start(lane), onReady: (instance) => this.ready(lane, instance), leave: (instance) => void this.leave(instance, 0) });
      return lane;
    }, options.maxScopes);
  }

  /**
   * An instance that takes calls, at `revision` or a later one; started when there is none. With a `client` one of its own, as
   * far as the server's configuration and its era ask for that; at a bound the shared one, to which nothing is declared. Rejects
   * with `upstream_failed`, `unavailable`, `invalid_request`, or what the registry says.
   */
  async acquire(revision: number, client?: UpstreamClient): Promise<Instance> {
    const blueprint = await this.known(revision);
    if (client === undefined || client.scope === '' || blueprint.sessions === 'shared') return this.lanes.shared.acquire();
    // A modern server is told with each request who asks: one process serves all, unless they are to be kept apart.
    if (blueprint.sessions === 'interactive' && (await this.eraOf(blueprint)) === 'modern') return this.lanes.shared.acquire();
    try {
      return await this.lanes.own(client, (lane) => void this.stop(lane)).acquire();
    } catch (error) {
      if (error instanceof NoRoom && blueprint.sessions === 'interactive') return this.lanes.shared.acquire();
      throw error;
    }
  }

  /** What is watched from now on. Starts the shared instance where that is anything; given again, what failed is tried again. */
  async watch(uris: ReadonlySet<string>): Promise<void> {
    this.watched = uris;
    for (const lane of this.lanes.all()) lane.current?.watch(this.watchedIn(lane));
    if (uris.size > 0 && !this.lanes.shared.isRunning) await this.acquire(0);
  }

  /** The registry hinted at a change: what runs, or is shown as failed, is compared now; what doesn't, with the next call. False: it exists no more. */
  async expire(): Promise<boolean> {
    this.checkedAt = 0;
    if (!this.isRunning() && this.failures.problem === undefined) return true;
    try {
      await this.check(this.revision);
      return true;
    } catch (error) {
      return !(error instanceof GatewayError && error.code === 'not_found');
    }
  }

  state(): string {
    const lanes = this.lanes.all();
    if (lanes.some((lane) => lane.current)) return 'ready';
    if (lanes.some((lane) => lane.isStarting)) return 'starting';
    return this.failures.problem === undefined ? 'stopped' : 'failed';
  }

  /** Ends the lane's instance without its being a failure; the next call starts another. */
  async stop(lane: Lane, drainMs = 0): Promise<void> {
    const instance = lane.release();
    if (instance) await this.leave(instance, drainMs);
  }

  async close(): Promise<void> {
    this.closed = true;
    const lanes = this.lanes.all();
    await Promise.all(lanes.map((lane) => lane.settled()));
    await Promise.all(lanes.map((lane) => this.stop(lane, CLOSE_DRAIN_MS)));
    await Promise.all(this.leaving);
  }

  private isRunning(): boolean {
    return this.lanes.all().some((lane) => lane.current !== undefined);
  }

  private watchedIn(lane: Lane): ReadonlySet<string> {
    // Where callers are kept apart, what one of them does to a resource is none of the others' business.
    return !lane.isOwn || this.blueprint?.sessions !== 'principal' ? this.watched : NOTHING;
  }

  private async known(revision: number): Promise<Blueprint> {
    if (this.closed) throw new GatewayError('unavailable', 'The runner is stopping. Try again.');
    const isStale = this.options.clock.now() - this.checkedAt > RECHECK_MS;
    if (!this.blueprint || revision > this.revision) return this.check(revision);
    // While nothing runs, an answer that is on its way is worth waiting for: it may say what mends the server.
    const isRunning = this.isRunning();
    if (!isStale && (isRunning || !this.checking)) return this.blueprint;
    const checked = this.check(revision).catch((error: unknown) => {
      // The registry is away: what it said last holds. When it said no, `check` has forgotten the blueprint.
      if (this.blueprint) return this.blueprint;
      throw error;
    });
    if (!isRunning) return checked;
    checked.catch(() => {});
    return this.blueprint;
  }

  /** Asks the registry; one question at a time. A different fingerprint retires the instances after their calls. */
  private check(revision: number): Promise<Blueprint> {
    this.checkedAt = this.options.clock.now();
    this.checking ??= this.options
      .load()
      .then((blueprint) => {
        this.adopt(blueprint, revision);
        return blueprint;
      })
      .catch((error: unknown) => {
        if (error instanceof GatewayError && (error.code === 'not_found' || error.code === 'invalid_request')) this.retire();
        throw error;
      })
      .finally(() => (this.checking = undefined));
    return this.checking;
  }

  private adopt(blueprint: Blueprint, revision: number): void {
    // The registry's word is the newest there is: a caller who knows a later revision must not make us ask for every call.
    this.revision = Math.max(blueprint.revision, revision);
    if (this.blueprint?.fingerprint !== blueprint.fingerprint) {
      this.retire();
      this.failures.forgive();
    }
    this.blueprint = blueprint;
  }

  private retire(): void {
    this.blueprint = undefined;
    this.era.forget();
    this.failures.clear();
    this.replaceAll();
  }

  /** Calls under way finish on what runs now; later ones get a new instance. */
  private replaceAll(): void {
    for (const lane of this.lanes.all()) void this.stop(lane, DRAIN_MS);
    this.lanes.dropStopped();
  }

  private leave(instance: Instance, withinMs: number): Promise<void> {
    const left = instance.drain(withinMs).finally(() => this.leaving.delete(left));
    this.leaving.add(left);
    return left;
  }

  private async start(lane: Lane): Promise<Instance> {
    await this.failures.permit();
    const { blueprint } = this;
    if (!blueprint || this.closed) throw new GatewayError('unavailable', `The configuration of server "${this.options.server}" has just changed. Try again.`);
    this.options.makeRoom(lane);
    try {
      return await this.launch(blueprint, lane);
    } catch (error) {
      this.failures.add(error instanceof StartFault ? error.problem : error instanceof GatewayError ? error.message : 'The gateway failed to start it; the reason is in the runner\'s log.');
      throw error;
    }
  }

  /** One that has worked in an era, and doesn't start in it, may have learnt or lost the other: it is probed once more. */
  private async launch(blueprint: Blueprint, lane: Lane, isSecond = false): Promise<Instance> {
    const wasProven = this.era.isProven;
    const era = this.findEra(blueprint);
    if (!blueprint.mayRunTwice) await era;
    try {
      const instance = await blueprint.start({ era, capabilities: lane.capabilities, isOwn: lane.isOwn, onWrongEra: () => this.doubtEra() });
      this.era.learn(instance.server.era);
      return instance;
    } catch (error) {
      this.era.forget();
      if (isSecond || !wasProven || this.closed || !(error instanceof StartFault)) throw error;
      return this.launch(blueprint, lane, true);
    }
  }

  /** Before anything is started: a server that is left alone for its failures is not probed either. */
  private async eraOf(blueprint: Blueprint): Promise<Era> {
    if (this.era.known === undefined && !this.isRunning()) await this.failures.permit();
    return this.findEra(blueprint);
  }

  /** What runs knows it best, and a probe beside it could get in its way. */
  private findEra(blueprint: Blueprint): Promise<Era> {
    const running = this.lanes.all().find((lane) => lane.current?.isUsable)?.current;
    return running ? Promise.resolve(running.server.era) : this.era.find(() => blueprint.probe());
  }

  private ready(lane: Lane, instance: Instance): void {
    this.failures.clear();
    instance.watch(this.watchedIn(lane));
  }

  private doubtEra(): void {
    if (!this.era.doubt()) return;
    this.replaceAll();
    this.options.onOtherEra();
  }
}
