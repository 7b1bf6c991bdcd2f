import { GatewayError, type billingSync } from '@mcpgw/contracts';
import type { Clock, Health, Logger } from '@mcpgw/platform-runtime';
import type pg from 'pg';
import type { z } from 'zod';
import type { CustomerDirectory } from './close-windows/customer-directory.js';
import { closeWindows, type Closed } from './close-windows/close-windows.js';
import type { Outbox } from './send-meters/outbox.js';
import type { MeterSender } from './send-meters/send-meters.js';

export type SyncReply = z.output<typeof billingSync.reply>;

export interface SettleOptions {
  readonly includeOpenHour: boolean;
  /** An operator asked: no grace for stragglers, no delay after a failed try. */
  readonly now: boolean;
}

export interface Parts {
  readonly pool: pg.Pool;
  readonly customers: CustomerDirectory;
  readonly outbox: Outbox;
  /** `undefined` without a Stripe key. */
  readonly sender: MeterSender | undefined;
  readonly clock: Clock;
  readonly health: Health;
  readonly logger: Logger;
  readonly graceMs: number;
  readonly signal: AbortSignal;
}

const MAX_FAILED = 100;
/** One under way and one behind it; whoever comes third is told to try later. */
const MAX_WAITING = 2;
const NO_KEY = 'Set MCPGW_STRIPE_KEY_FILE (or MCPGW_STRIPE_KEY) of the billing service and restart it.';

/** Close what is over, then send what waits: the one order in which accounts are settled, never twice at once. */
export class Accounts {
  private last: Promise<unknown> = Promise.resolve();
  private waiting = 0;

  constructor(private readonly parts: Parts) {}

  async settle(options: SettleOptions): Promise<SyncReply> {
    if (this.waiting >= MAX_WAITING) throw new GatewayError('conflict', 'Billing is being synchronised already. Try again when that is done.');
    this.waiting += 1;
    const turn = this.last.then(() => this.run(options)).finally(() => (this.waiting -= 1));
    this.last = turn.catch(() => {});
    return turn;
  }

  private async run(options: SettleOptions): Promise<SyncReply> {
    const { pool, customers, outbox, sender, clock, graceMs, signal } = this.parts;
    await this.heed('registry', customers.refresh(), 'Closed hours wait until the registry says who pays. Is the registry service running?');
    const closed = await closeWindows(pool, { nowMs: clock.now(), graceMs: options.now ? 0 : graceMs, includeOpenHour: options.includeOpenHour });
    const { sent, halted } = sender ? await sender.run({ evenIfDelayed: options.now, signal }) : { sent: 0, halted: undefined };
    const { pending, needsReconcile } = await outbox.figures();
    const failed = needsReconcile > 0 || pending > 0 ? await outbox.troubled(MAX_FAILED) : [];
    this.report(closed, pending, needsReconcile, halted);
    return { windowsClosed: closed.windows, sent, pending, failed: [...failed, ...closed.faults.map(({ organization, hour, reason }) => ({ identifier: `${organization}:${hour}`, reason }))] };
  }

  /** Passes a fault on after saying what it keeps from happening. */
  private async heed(component: string, work: Promise<void>, action: string): Promise<void> {
    try {
      await work;
      this.parts.health.ok(component);
    } catch (error) {
      this.parts.health.fail(component, { message: error instanceof GatewayError ? error.message : `The ${component} can't be reached.`, action });
      throw error;
    }
  }

  private report(closed: Closed, pending: number, needsReconcile: number, halted: string | undefined): void {
    const { health, logger, sender } = this.parts;
    for (const fault of closed.faults) logger.error(fault, 'An hour could not be closed.');
    const trouble = [
      ...closed.faults.map(({ organization, hour, reason }) => ({ message: `The hour ${hour} of "${organization}" could not be closed: ${reason}`, action: 'Restore the usage windows of that hour from a backup, or rebuild them from the audit log.' })),
      ...(needsReconcile > 0 ? [{ message: `${needsReconcile} meter events must be compared with Stripe by a person.`, action: 'Run: mcpgw billing sync --json, which names each of them and says why.' }] : []),
      ...(halted === undefined ? [] : [{ message: `${halted} ${pending} meter events wait.`, action: 'Check the key and the connection; sending goes on by itself.' }]),
      ...(!sender && pending > 0 ? [{ message: `${pending} meter events wait for a Stripe key.`, action: NO_KEY }] : []),
    ];
    const first = trouble[0];
    if (first) health.fail('stripe', first);
    else health.ok('stripe');
    health.detail('outbox', () => ({ pending, needsReconcile }));
  }
}
