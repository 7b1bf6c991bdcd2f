import { Inject, Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { HEALTH, Health, Periodic } from '@mcpgw/platform-runtime';
import { AUDIT_CONFIG, type AuditConfig } from './audit.config.js';
import { Checkpoints } from './checkpoints/checkpoints.js';
import { CloseIntents } from './close/close-intents.js';
import { AuditDatabase } from './database/audit-database.js';

const SWEEP_EVERY_MS = 30_000;

/** What runs by itself: the look at the database, checkpoints, the sweeper. Stops after the bus, with a last checkpoint. */
@Injectable()
export class AuditService implements OnModuleInit, OnApplicationShutdown {
  private readonly ticking: Periodic;
  private readonly sweeping: Periodic;

  constructor(
    @Inject(AUDIT_CONFIG) config: AuditConfig,
    @Inject(HEALTH) private readonly health: Health,
    private readonly database: AuditDatabase,
    private readonly checkpoints: Checkpoints,
    closeIntents: CloseIntents,
  ) {
    this.ticking = new Periodic(config.auditCheckpointEveryMs, () => this.tick(), (error) => this.unsigned(error));
    this.sweeping = new Periodic(
      Math.min(SWEEP_EVERY_MS, config.auditSweepAfterSeconds * 500),
      async () => {
        if (!database.usable()) return;
        await closeIntents.sweep(config.auditSweepAfterSeconds);
        health.ok('sweeper');
      },
      (error) => health.fail('sweeper', { message: `Calls without an outcome could not be closed: ${messageOf(error)}`, action: 'Look at the database; it is tried again by itself.' }),
    );
    health.detail('verifierKey', () => checkpoints.verifierKey());
  }

  onModuleInit(): void {
    this.database.start();
    void this.ticking.start();
    void this.sweeping.start();
  }

  async onApplicationShutdown(): Promise<void> {
    await Promise.all([this.ticking.close(), this.sweeping.close()]);
    await this.tick().catch((error: unknown) => this.unsigned(error));
    await this.database.close();
  }

  private async tick(): Promise<void> {
    if (!this.database.usable()) return; // its own problem says so already
    await this.checkpoints.tick();
    this.health.ok('checkpoints');
  }

  private unsigned(error: unknown): void {
    this.health.fail('checkpoints', { message: `Checkpoints could not be signed: ${messageOf(error)}`, action: 'Look at the database; it is tried again by itself.' });
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : 'unknown fault';
}
