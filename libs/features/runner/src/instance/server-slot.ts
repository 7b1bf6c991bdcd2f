import { GatewayError, type OrganizationName, type ServerName } from '@mcpgw/contracts';
import type { Clock } from '@mcpgw/platform-runtime';
import { Instance, StartFault } from './instance.js';
import { afterFailure, HEALTHY_AFTER_MS, NO_FAILURES, permitStart, type RestartState } from './restart.js';

/** What to start: made from the registry's answer. `fingerprint` is equal exactly when a running instance needs no replacement. */
export interface Blueprint {
  readonly fingerprint: string;
  readonly revision: number;
  /** Resolves secrets and launches. */
  readonly start: () => Promise<Instance>;
}

export interface SlotOptions {
  readonly organization: OrganizationName;
  readonly server: ServerName;
  readonly clock: Clock;
  /** Asks the registry. */
  readonly load: () => Promise<Blueprint>;
  /** Called before an instance is started, to make room for it. Throws `unavailable` when there is none. */
  readonly makeRoom: () => void;
  /** The server's trouble, in words for the operator; `undefined` when it is over. */
  readonly onProblem: (problem: string | undefined) => void;
}

const RECHECK_MS = 10_000;
const SHORT_WAIT_MS = 1_000;
const DRAIN_MS = 300_000;
/** Leaves time for the steps of a stop within the service's own deadline. */
const CLOSE_DRAIN_MS = 5_000;

/** One registered server in this runner: at most one instance that takes calls, and older ones that finish theirs. */
export class ServerSlot {
  current: Instance | undefined;
  restarts = 0;
  revision = 0;
  private blueprint: Blueprint | undefined;
  private checkedAt = 0;
  private checking: Promise<Blueprint> | undefined;
  private starting: Promise<Instance> | undefined;
  private restart: RestartState = NO_FAILURES;
  private problem: string | undefined;
  private readonly leaving = new Set<Promise<void>>();
  private closed = false;

  constructor(private readonly options: SlotOptions) {}

  /**
   * An instance that takes calls, at `revision` or a later one; started when there is none. Rejects with `upstream_failed`,
   * `unavailable`, `invalid_request`, or what the registry says.
   */
  async acquire(revision: number): Promise<Instance> {
    const blueprint = await this.known(revision);
    if (this.current?.isUsable) return this.current;
    // A new one starts when the old one is gone and counted, not beside it.
    await this.current?.ended;
    if (this.current?.isUsable) return this.current;
    this.starting ??= this.startPermitted(blueprint).finally(() => (this.starting = undefined));
    return this.starting;
  }

  /** The registry hinted at a change: what runs, or is shown as failed, is compared now; what doesn't, with the next call. False: it exists no more. */
  async expire(): Promise<boolean> {
    this.checkedAt = 0;
    if (!this.current && this.problem === undefined) return true;
    try {
      await this.check(this.revision);
      return true;
    } catch (error) {
      return !(error instanceof GatewayError && error.code === 'not_found');
    }
  }

  state(): string {
    if (this.current) return 'ready';
    if (this.starting) return 'starting';
    return this.problem === undefined ? 'stopped' : 'failed';
  }

  lastProblem(): string | undefined {
    return this.problem;
  }

  /** Ends the current instance without its being a failure; the next call starts another. */
  async stopCurrent(drainMs = 0): Promise<void> {
    const instance = this.current;
    this.current = undefined;
    if (instance) await this.leave(instance, drainMs);
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.starting?.catch(() => {});
    await this.stopCurrent(CLOSE_DRAIN_MS);
    await Promise.all(this.leaving);
  }

  private async known(revision: number): Promise<Blueprint> {
    if (this.closed) throw new GatewayError('unavailable', 'The runner is stopping. Try again.');
    const isStale = this.options.clock.now() - this.checkedAt > RECHECK_MS;
    if (!this.blueprint || revision > this.revision) return this.check(revision);
    // While nothing runs, an answer that is on its way is worth waiting for: it may say what mends the server.
    if (!isStale && (this.current || !this.checking)) return this.blueprint;
    const checked = this.check(revision).catch((error: unknown) => {
      // The registry is away: what it said last holds. When it said no, `check` has forgotten the blueprint.
      if (this.blueprint) return this.blueprint;
      throw error;
    });
    if (!this.current) return checked;
    checked.catch(() => {});
    return this.blueprint;
  }

  /** Asks the registry; one question at a time. A different fingerprint retires the instance after its calls. */
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
      this.restart = NO_FAILURES;
    }
    this.blueprint = blueprint;
  }

  private retire(): void {
    const old = this.current;
    this.current = undefined;
    this.blueprint = undefined;
    this.setProblem(undefined);
    if (old) void this.leave(old, DRAIN_MS);
  }

  private leave(instance: Instance, withinMs: number): Promise<void> {
    const left = instance.drain(withinMs).finally(() => this.leaving.delete(left));
    this.leaving.add(left);
    return left;
  }

  private async startPermitted(blueprint: Blueprint): Promise<Instance> {
    const permit = permitStart(this.restart, this.options.clock.now());
    if (permit.kind === 'wait') {
      if (permit.isOpen || permit.ms > SHORT_WAIT_MS) throw this.tooSoon(permit.ms, permit.isOpen);
      await new Promise((resolve) => setTimeout(resolve, permit.ms));
    }
    this.options.makeRoom();
    try {
      const instance = await blueprint.start();
      return this.accept(instance, blueprint);
    } catch (error) {
      this.failed(error instanceof StartFault ? error.problem : error instanceof GatewayError ? error.message : 'The gateway failed to start it; the reason is in the runner\'s log.');
      throw error;
    }
  }

  private async accept(instance: Instance, blueprint: Blueprint): Promise<Instance> {
    if (this.closed || this.blueprint?.fingerprint !== blueprint.fingerprint) {
      void this.leave(instance, 0);
      throw new GatewayError('unavailable', `The configuration of server "${this.options.server}" changed while it started. Try again.`);
    }
    this.current = instance;
    this.setProblem(undefined);
    void instance.ended.then(({ wanted, problem }) => {
      if (this.current === instance) this.current = undefined;
      if (wanted) return;
      if (this.options.clock.now() - instance.startedAt >= HEALTHY_AFTER_MS) this.restart = NO_FAILURES;
      this.failed(problem);
    });
    return instance;
  }

  private failed(problem: string): void {
    this.restarts += 1;
    this.restart = afterFailure(this.restart, this.options.clock.now());
    this.setProblem(problem);
  }

  private setProblem(problem: string | undefined): void {
    this.problem = problem;
    this.options.onProblem(problem);
  }

  private tooSoon(ms: number, isOpen: boolean): GatewayError {
    const { server } = this.options;
    const again = `It is tried again in ${Math.ceil(ms / 1_000)} s`;
    return new GatewayError('upstream_failed', isOpen ? `The server "${server}" failed again and again and is left alone for now. ${again}; its operator finds the reason in mcpgw status.` : `The server "${server}" has just failed. ${again}.`);
  }
}
