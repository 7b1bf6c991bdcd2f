import { Inject, Injectable, type OnApplicationShutdown, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import type { Bus } from '@mcpgw/platform-bus';
import { BUS, HEALTH, Periodic, type Health } from '@mcpgw/platform-runtime';
import { RunningCalls } from './call-tool/running-calls.js';
import { Catalog } from './catalog/catalog.js';
import { ChangeStreams } from './session/change-streams.js';
import { PARTS, POLICY_CHANGES, type Part, type PolicyChanges } from './tokens.js';

const WATCH_BUS_MS = 1_000;
const CHECK_STREAMS_MS = 5_000;
const DRAIN_MS = 8_000;
const ABORTED_MS = 1_000;

/** Whoever has a stream open hears of what changes for them. */
@Injectable()
export class Changes {
  constructor(
    private readonly catalog: Catalog,
    private readonly streams: ChangeStreams,
    @Inject(POLICY_CHANGES) private readonly policy: PolicyChanges,
    @Inject(HEALTH) private readonly health: Health,
  ) {}

  watch(): readonly (() => void)[] {
    this.health.detail('streams', () => this.streams.size);
    // A credential may end without any change of the snapshot: tokens and sessions have their time.
    const timer = setInterval(() => this.streams.check(), CHECK_STREAMS_MS).unref();
    return [() => clearInterval(timer), this.catalog.onChange(() => this.streams.check()), this.policy.onChange(() => this.streams.check())];
  }

  end(): void {
    this.streams.closeAll();
  }
}

/** Starts what the edge holds, keeps an eye on the bus, and stops in order: calls first, the spool last. */
@Injectable()
export class Lifecycle implements OnModuleInit, OnModuleDestroy, OnApplicationShutdown {
  private readonly busWatch: Periodic;
  private stops: readonly (() => void)[] = [];

  constructor(
    @Inject(PARTS) private readonly parts: readonly Part[],
    @Inject(HEALTH) private readonly health: Health,
    @Inject(BUS) bus: Bus,
    private readonly running: RunningCalls,
    private readonly changes: Changes,
  ) {
    this.busWatch = new Periodic(WATCH_BUS_MS, async () => this.watchBus(bus.problem()), () => undefined);
  }

  async onModuleInit(): Promise<void> {
    this.health.detail('callsUnderWay', () => this.running.size);
    for (const part of this.parts) await part.start?.();
    this.stops = this.changes.watch();
    void this.busWatch.start();
  }

  /** Runs while the port is still open, so that calls under way can give their answers. */
  async onModuleDestroy(): Promise<void> {
    this.changes.end();
    await this.running.drain(DRAIN_MS);
  }

  async onApplicationShutdown(): Promise<void> {
    for (const stop of this.stops) stop();
    await this.busWatch.close();
    await this.running.drain(ABORTED_MS);
    for (const part of [...this.parts].reverse()) await part.close();
  }

  private watchBus(problem: string | undefined): void {
    if (problem === undefined) this.health.ok('bus');
    else this.health.fail('bus', { message: problem, action: 'Start nats-server or fix MCPGW_NATS_URL; HTTP servers are served meanwhile, servers on stdio are not.' });
  }
}
