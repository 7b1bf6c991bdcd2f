import { auditCommitted, type ServiceStatus, type billingUsage } from '@mcpgw/contracts';
import type { Bus, Subscription } from '@mcpgw/platform-bus';
import { createPool } from '@mcpgw/platform-database';
import { Periodic, type Clock, type Health, type Logger } from '@mcpgw/platform-runtime';
import type { OnApplicationBootstrap, OnApplicationShutdown, OnModuleDestroy } from '@nestjs/common';
import type pg from 'pg';
import type { z } from 'zod';
import { CustomerDirectory } from './close-windows/customer-directory.js';
import type { BillingConfig } from './config.js';
import { LogFollower } from './count-usage/log-follower.js';
import { UsageStore } from './count-usage/usage-store.js';
import { lagOf, reportUsage, type UsageQuery } from './report-usage/report-usage.js';
import { Outbox } from './send-meters/outbox.js';
import { MeterSender } from './send-meters/send-meters.js';
import { StripeProvider } from './send-meters/stripe-provider.js';
import { Accounts, type SyncReply } from './settle-accounts.js';

type UsageReply = z.output<typeof billingUsage.reply>;

/** Hints come with every batch of the log; counting waits this long, so that pages are full and the log is asked seldom. */
const HINT_DELAY_MS = 200;

/** Puts the parts together and keeps them going: counts on hints and by the clock, settles accounts by the clock. */
export class BillingService implements OnApplicationBootstrap, OnModuleDestroy, OnApplicationShutdown {
  private readonly pool: pg.Pool;
  private readonly follower: LogFollower;
  private readonly accounts: Accounts;
  private readonly counting: Periodic;
  private readonly settling: Periodic;
  private readonly stopping = new AbortController();
  private hint: NodeJS.Timeout | undefined;
  private subscription: Subscription | undefined;
  private stopReconnect: () => void = () => {};

  constructor(
    private readonly config: BillingConfig,
    private readonly bus: Bus,
    private readonly logger: Logger,
    private readonly health: Health,
    private readonly clock: Clock,
  ) {
    this.pool = createPool({ url: config.databaseUrl, role: 'billing', onError: (error) => logger.warn({ error: error.message }, 'A database connection broke.') });
    const { signal } = this.stopping;
    this.follower = new LogFollower(bus, new UsageStore(this.pool), health, logger, signal);
    const outbox = new Outbox(this.pool);
    this.accounts = new Accounts({
      pool: this.pool,
      customers: new CustomerDirectory(bus, this.pool, signal),
      outbox,
      sender: this.makeSender(outbox),
      clock,
      health,
      logger,
      graceMs: config.closeGraceMinutes * 60_000,
      signal,
    });
    this.counting = new Periodic(config.pollMs, () => this.count(), () => {});
    this.settling = new Periodic(config.settleSeconds * 1_000, () => this.settle(), () => {});
  }

  /** Never waits for the other services: until they answer, the status says what is missing. */
  onApplicationBootstrap(): void {
    this.health.require('postgres', 'Is Postgres running, and MCPGW_DATABASE_URL right?');
    const soon = (): void => {
      this.hint ??= setTimeout(() => {
        this.hint = undefined;
        this.counting.poke();
      }, HINT_DELAY_MS);
    };
    this.subscription = this.bus.subscribe(auditCommitted, soon);
    this.stopReconnect = this.bus.onReconnect(soon);
    void this.counting.start().then(() => this.settling.start());
  }

  async onModuleDestroy(): Promise<void> {
    this.stopping.abort();
    clearTimeout(this.hint);
    this.stopReconnect();
    await Promise.all([this.counting.close(), this.settling.close(), this.subscription?.close()]);
  }

  /** Only now: until the bus is closed, requests may still be answered. */
  async onApplicationShutdown(): Promise<void> {
    await this.pool.end();
  }

  async usage(query: UsageQuery): Promise<UsageReply> {
    const heads = await this.follower.freshHeads(); // before the rows: lag 0 means that all of these are in them
    const { rows, cursors } = await reportUsage(this.pool, query);
    return { rows, lag: lagOf(heads, cursors, query.organization) };
  }

  /** Counts what is committed, closes without grace, sends without delay. */
  async sync(includeOpenHour: boolean): Promise<SyncReply> {
    await this.follower.catchUp().catch((error: unknown) => this.logger.warn({ error: messageOf(error) }, 'Synchronising what was counted so far: the audit log could not be followed.'));
    return this.accounts.settle({ includeOpenHour, now: true });
  }

  status(): ServiceStatus {
    return this.health.status();
  }

  private makeSender(outbox: Outbox): MeterSender | undefined {
    const { stripeKey, stripeTimeoutMs } = this.config;
    if (stripeKey === undefined) return undefined;
    // Longer than a try can take, the SDK's one repetition on a closed connection included.
    const leaseMs = 2 * stripeTimeoutMs + 60_000;
    return new MeterSender(outbox, new StripeProvider({ ...this.config, stripeKey }), this.clock, this.logger, leaseMs);
  }

  private async count(): Promise<void> {
    await this.watched('postgres', 'Is Postgres running, and MCPGW_DATABASE_URL right?', async () => void (await this.pool.query('SELECT 1')));
    await this.watched('audit', 'Usage is counted from the audit log. Is the audit service running?', () => this.follower.catchUp());
  }

  private async settle(): Promise<void> {
    try {
      await this.accounts.settle({ includeOpenHour: false, now: false });
    } catch (error) {
      if (!this.stopping.signal.aborted) this.logger.warn({ error: messageOf(error) }, 'Accounts could not be settled; the next try follows.');
    }
  }

  /** Reports a component's fault once when it begins, and its end; the work is tried again at the next turn. */
  private async watched(component: string, action: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
      this.health.ok(component);
    } catch (error) {
      if (this.stopping.signal.aborted) return;
      this.health.fail(component, { message: `${component}: ${messageOf(error)}`, action });
      this.logger.warn({ component, error: messageOf(error) }, 'Usage is not counted at the moment.');
      throw error;
    }
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
