import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { auditEntries, auditHeads, billingStatus, billingSync, billingUsage, registrySnapshot } from '@mcpgw/contracts';
import { METERS } from '@mcpgw/core-rating';
import { MemoryBus } from '@mcpgw/platform-bus';
import { ConfigError, createContext, loadConfig, silentLogger, startService, type RunningService } from '@mcpgw/platform-runtime';
import { startStripeStandIn, testDatabase, until, type StripeStandIn, type TestDatabase } from '@mcpgw/testing';
import { BillingModule } from './billing.module.js';
import { billingConfig } from './config.js';
import { FakeAuditLog } from './fakes/fake-audit-log.js';

let database: TestDatabase;
let stripe: StripeStandIn;
let service: RunningService | undefined;
const key = `sk_test_${randomBytes(12).toString('hex')}`;

beforeAll(async () => {
  database = await testDatabase();
  stripe = await startStripeStandIn({ key, meters: METERS });
}, 60_000);
afterEach(async () => {
  await service?.close();
  service = undefined;
});
afterAll(async () => {
  await stripe?.close();
  await database?.close();
});

async function start(bus: MemoryBus, overrides: Record<string, string> = {}): Promise<RunningService> {
  const config = loadConfig(billingConfig, { databaseUrl: database.url, pollMs: 60_000, ...overrides }, {});
  return startService(createContext('billing', bus, silentLogger, { dataDir: 'unused' }), BillingModule.forRoot(config));
}
function serveRegistry(bus: MemoryBus): void {
  const acme = { name: 'acme', audit: { mode: 'standard' }, jwt: [], billing: { stripeCustomer: 'cus_acme' } };
  bus.handle(registrySnapshot, async ({ known }) => ({ changed: known['acme'] === 1 ? [] : [{ organization: acme, revision: 1, servers: [], routes: [], roles: [], consumers: [], limits: [], keys: [], secrets: [] } as never], removed: [], more: false }));
}

describe('the billing service', () => {
  it('counts on a hint, shows usage without lag, and reports it to Stripe on request', async () => {
    const bus = new MemoryBus();
    serveRegistry(bus);
    const log = new FakeAuditLog(bus);
    service = await start(bus, { stripeKey: key, stripeApiBase: stripe.url });
    await until('billing is ready', async () => (await bus.request(billingStatus, {})).ready);
    log.append('acme', Array.from({ length: 20 }, () => [{ phase: 'intent' as const }, { time: new Date().toISOString() }]).flat());
    await until('all is counted', async () => (await bus.request(billingUsage, { by: ['tool'] })).lag === 0);
    expect(await bus.request(billingUsage, { by: ['organization', 'tool'] })).toEqual({ lag: 0, rows: [expect.objectContaining({ organization: 'acme', tool: 'crm/lookup', calls: 20 })] });
    expect(await bus.request(billingSync, { includeOpenHour: true })).toEqual({ windowsClosed: 1, sent: 3, pending: 0, failed: [] });
    expect(stripe.events.find(({ event_name }) => event_name === 'mcpgw_calls')?.payload).toEqual({ stripe_customer_id: 'cus_acme', value: '20' });
    expect(JSON.stringify(await bus.request(billingStatus, {}))).not.toContain(key);
  });

  it('starts before everybody else, says what it waits for, and counts when they come', async () => {
    const bus = new MemoryBus();
    service = await start(bus, { pollMs: '50' });
    await until('the audit log is awaited', async () => (await bus.request(billingStatus, {})).problems.some(({ component }) => component === 'audit'));
    const waiting = await bus.request(billingStatus, {});
    expect(waiting.problems.find(({ component }) => component === 'audit')?.action).toContain('Is the audit service running?');
    new FakeAuditLog(bus).append('late-starter', [{}, {}]);
    await until('the late log is counted', async () => (await bus.request(billingUsage, { by: ['organization'], organization: 'late-starter' as never })).rows[0]?.calls === 2);
    await until('nothing is awaited', async () => !(await bus.request(billingStatus, {})).problems.some(({ component }) => component === 'audit'));
  });

  it('is not ready without its database, and still stops', async () => {
    const bus = new MemoryBus();
    service = await start(bus, { databaseUrl: 'postgresql://nobody@127.0.0.1:1/none' });
    await until('the database is missed', async () => (await bus.request(billingStatus, {})).problems.some(({ message }) => message.includes('ECONNREFUSED')));
    expect((await bus.request(billingStatus, {})).ready).toBe(false);
  });

  it('answers usage from the last known size of the log when the audit service is away', async () => {
    const bus = new MemoryBus();
    const log = new FakeAuditLog(bus);
    log.append('away', [{}, {}]);
    service = await start(bus);
    await until('all is counted', async () => (await bus.request(billingUsage, { by: ['organization'], organization: 'away' as never })).lag === 0);
    log.stop();
    await expect(bus.request(auditHeads, {})).rejects.toMatchObject({ code: 'unavailable' });
    await expect(bus.request(auditEntries, { organization: 'away' as never, from: 0, limit: 1 })).rejects.toMatchObject({ code: 'unavailable' });
    expect(await bus.request(billingUsage, { by: ['organization'], organization: 'away' as never })).toMatchObject({ lag: 0, rows: [{ calls: 2 }] });
  });
});

describe('its configuration', () => {
  const faults = (environment: Record<string, string>): string => {
    try {
      loadConfig(billingConfig, {}, environment);
      return '';
    } catch (error) {
      return error instanceof ConfigError ? error.message : String(error);
    }
  };

  it('names all faults at once and shows no secret', () => {
    const secret = `pk_test_${randomBytes(8).toString('hex')}`;
    const message = faults({ MCPGW_STRIPE_KEY: secret, MCPGW_STRIPE_API_BASE: 'http://stripe.example', MCPGW_POLL_MS: 'often' });
    for (const part of ['MCPGW_DATABASE_URL: must be set', 'MCPGW_STRIPE_KEY: must be a secret', 'MCPGW_STRIPE_API_BASE: must be https', 'MCPGW_POLL_MS']) expect(message).toContain(part);
    expect(message).not.toContain(secret);
  });

  it('takes an empty key file as no key', () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'mcpgw-billing-'));
    try {
      writeFileSync(path.join(folder, 'stripe-key'), '');
      expect(loadConfig(billingConfig, { databaseUrl: 'postgresql://db/x' }, { MCPGW_STRIPE_KEY_FILE: path.join(folder, 'stripe-key') }).stripeKey).toBeUndefined();
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('is complete with a database alone', () => {
    expect(loadConfig(billingConfig, {}, { MCPGW_DATABASE_URL: 'postgresql://db/x' })).toMatchObject({ pollMs: 2_000, closeGraceMinutes: 15 });
  });
});
