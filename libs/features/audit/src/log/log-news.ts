import { Inject, Injectable } from '@nestjs/common';
import { auditCommitted, type OrganizationName } from '@mcpgw/contracts';
import type { Bus } from '@mcpgw/platform-bus';
import { BUS, HEALTH, Health } from '@mcpgw/platform-runtime';
import type { LogHead } from './log-writer.js';

/** Tells that logs have grown: a hint to everybody, and to the checkpoints which logs need one. */
@Injectable()
export class LogNews {
  private grown = new Set<OrganizationName>();
  private entries = 0;

  constructor(
    @Inject(BUS) private readonly bus: Bus,
    @Inject(HEALTH) health: Health,
  ) {
    health.detail('entriesWritten', () => this.entries);
  }

  committed(heads: readonly LogHead[], entries: number): void {
    if (heads.length === 0) return;
    this.entries += entries;
    for (const { organization } of heads) this.grown.add(organization);
    this.bus.publish(auditCommitted, { heads: heads.map(({ organization, size }) => ({ organization, size })) });
  }

  /** Logs that have grown since the last time this was asked. */
  takeGrown(): readonly OrganizationName[] {
    const grown = [...this.grown];
    this.grown = new Set();
    return grown;
  }

  /** They couldn't be dealt with: next time again. */
  putBack(organizations: readonly OrganizationName[]): void {
    for (const organization of organizations) this.grown.add(organization);
  }
}
