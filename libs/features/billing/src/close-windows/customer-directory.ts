import { registrySnapshot, type OrganizationName } from '@mcpgw/contracts';
import type { Bus } from '@mcpgw/platform-bus';
import type pg from 'pg';

/**
 * Who pays: the Stripe customer of each organization, as the registry says. Kept in the database, so that an organization's
 * last hours are reported also after it was deleted, and only what changed is asked for.
 */
export class CustomerDirectory {
  private known: Readonly<Record<string, number>> = {};

  constructor(
    private readonly bus: Bus,
    private readonly pool: pg.Pool,
    private readonly signal: AbortSignal,
  ) {}

  /** Brings the customers up to date. Rejects when the registry can't be reached: hours are not closed on old news then. */
  async refresh(): Promise<void> {
    for (let more = true; more && !this.signal.aborted; ) {
      const reply = await this.bus.request(registrySnapshot, { known: this.known }, { signal: this.signal });
      await this.store(reply.changed.map(({ organization }) => ({ organization: organization.name, customer: organization.billing.stripeCustomer })));
      const removed = new Set<string>(reply.removed);
      const kept = Object.entries(this.known).filter(([organization]) => !removed.has(organization));
      this.known = Object.fromEntries([...kept, ...reply.changed.map(({ organization, revision }) => [organization.name, revision] as const)]);
      more = reply.more;
    }
  }

  private async store(changed: readonly { organization: OrganizationName; customer: string | undefined }[]): Promise<void> {
    const paying = changed.filter(({ customer }) => customer !== undefined);
    const free = changed.filter(({ customer }) => customer === undefined);
    if (free.length > 0) await this.pool.query('DELETE FROM stripe_customer WHERE organization = ANY ($1::text[])', [free.map(({ organization }) => organization)]);
    if (paying.length === 0) return;
    await this.pool.query('INSERT INTO stripe_customer (organization, customer) SELECT * FROM unnest($1::text[], $2::text[]) ON CONFLICT (organization) DO UPDATE SET customer = excluded.customer', [
      paying.map(({ organization }) => organization),
      paying.map(({ customer }) => customer),
    ]);
  }
}
