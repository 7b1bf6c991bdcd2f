import { GatewayError } from '@mcpgw/contracts';
import type { JsonObject } from '@mcpgw/core-mcp-wire';
import type { Clock } from '@mcpgw/platform-runtime';
import type { Failures } from './failures.js';
import type { Instance } from './instance.js';
import { HEALTHY_AFTER_MS } from './restart.js';

export interface LaneOptions {
  readonly server: string;
  /** Declared to a legacy server; empty for the lane that all share. */
  readonly capabilities: JsonObject;
  /** For one caller alone. */
  readonly isOwn: boolean;
  readonly clock: Clock;
  readonly failures: Failures;
  readonly start: (lane: Lane) => Promise<Instance>;
  /** Told of each instance before it takes calls. */
  readonly onReady: (instance: Instance) => void;
  /** Has an instance end that isn't used any more. */
  readonly leave: (instance: Instance) => void;
}

/** The processes of one scope of a server: at most one that takes calls. */
export class Lane {
  current: Instance | undefined;
  private starting: Promise<Instance> | undefined;
  /** Counts releases: an instance whose start began before one is not taken. */
  private generation = 0;

  constructor(private readonly options: LaneOptions) {}

  get capabilities(): JsonObject {
    return this.options.capabilities;
  }

  get isOwn(): boolean {
    return this.options.isOwn;
  }

  get isStarting(): boolean {
    return this.starting !== undefined;
  }

  get isRunning(): boolean {
    return this.current !== undefined || this.isStarting;
  }

  /** Running, and without a call. */
  get isIdle(): boolean {
    return this.current?.inFlight === 0;
  }

  /** An instance that takes calls, started when there is none. */
  async acquire(): Promise<Instance> {
    if (this.current?.isUsable) return this.current;
    // A new one starts when the old one is gone and counted, not beside it. With none, it is starting from this very moment.
    if (this.current) await this.current.ended;
    if (this.current?.isUsable) return this.current;
    this.starting ??= this.start().finally(() => (this.starting = undefined));
    return this.starting;
  }

  /** Gives its instance away; the next call starts another. */
  release(): Instance | undefined {
    const instance = this.current;
    this.current = undefined;
    this.generation += 1;
    return instance;
  }

  /** Resolves when nothing is starting. */
  async settled(): Promise<void> {
    await this.starting?.catch(() => {});
  }

  private async start(): Promise<Instance> {
    const { generation } = this;
    const { clock, failures, server } = this.options;
    const instance = await this.options.start(this);
    if (generation !== this.generation) {
      this.options.leave(instance);
      throw new GatewayError('unavailable', `The configuration of server "${server}" changed while it started. Try again.`);
    }
    this.current = instance;
    this.options.onReady(instance);
    void instance.ended.then(({ wanted, problem }) => {
      if (this.current === instance) this.current = undefined;
      if (wanted) return;
      if (clock.now() - instance.startedAt >= HEALTHY_AFTER_MS) failures.forgive();
      failures.add(problem);
    });
    return instance;
  }
}
