import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { registrySnapshot } from '@mcpgw/contracts';
import { hourOf, METERS, NO_USAGE } from '@mcpgw/core-rating';
import { MemoryBus } from '@mcpgw/platform-bus';
import { createPool } from '@mcpgw/platform-database';
import { Health, silentLogger } from '@mcpgw/platform-runtime';
import { startStripeStandIn, testDatabase, type MeterEventParams, type StripeStandIn, type TestDatabase } from '@mcpgw/testing';
import pg from 'pg';
import type Stripe from 'stripe';
import { CustomerDirectory } from './close-windows/customer-directory.js';
import { UsageStore } from './count-usage/usage-store.js';
import { Crash, crashingPool } from './fakes/crashing-pool.js';
import { Outbox } from './send-meters/outbox.js';
import { MeterSender } from './send-meters/send-meters.js';
import { StripeProvider } from './send-meters/stripe-provider.js';
import { Accounts } from './settle-accounts.js';

const START = Date.parse('2026-11-22T10:20:00Z');
const NINE = hourOf(Date.parse('2026-11-22T09:00:00Z'));
const GRACE_MS = 15 * 60_000;
/** A key as Stripe's test mode has them, made for this run. */
const KEY = `sk_test_${randomBytes(12).toString('hex')}`;

let database: TestDatabase;
let pool: pg.Pool;
let stripe: StripeStandIn;
let bus: MemoryBus;
let health: Health;
let nowMs: number;
let customers: Record<string, string | undefined>;
let revision: number;

beforeAll(async () => {
  database = await testDatabase();
  pool = createPool({ url: database.url, role: 'billing', onError: () => {} });
}, 60_000);
afterAll(async () => {
  await pool?.end();
  await database?.close();
});
beforeEach(async () => {
  await asSuperuser('TRUNCATE billing.usage_cursor, billing.usage_window, billing.usage_hour, billing.window_revision, billing.stripe_customer, billing.meter_outbox');
  nowMs = START;
  revision = 1;
  customers = { acme: 'cus_acme' };
  stripe = await startStripeStandIn({ key: KEY, meters: METERS, now: () => nowMs });
  bus = new MemoryBus();
  bus.handle(registrySnapshot, async ({ known }) => ({
    changed: Object.entries(customers)
      .filter(([name]) => known[name] !== revision)
      .map(([name, stripeCustomer]) => ({ organization: { name, audit: { mode: 'standard' }, jwt: [], billing: { stripeCustomer } }, revision, servers: [], routes: [], roles: [], consumers: [], limits: [], keys: [], secrets: [] }) as never),
    removed: Object.keys(known).filter((name) => !(name in customers)) as never[],
    more: false,
  }));
  health = new Health('billing', 'test', new Date(0));
});
afterEach(() => stripe.close());

async function asSuperuser(sql: string): Promise<void> {
  const superuser = new pg.Client({ connectionString: database.url });
  await superuser.connect();
  await superuser.query(sql);
  await superuser.end();
}

interface With {
  readonly key?: string | undefined;
  readonly on?: pg.Pool;
  readonly timeoutMs?: number;
}
/** A billing process of its own, as after a restart. */
function accounts({ key = KEY, on = pool, timeoutMs = 5_000 }: With = {}, withKey = true): Accounts {
  const clock = { now: () => nowMs, monotonicUs: () => nowMs * 1_000 };
  const { signal } = new AbortController();
  const outbox = new Outbox(on);
  const provider = new StripeProvider({ stripeKey: key, stripeApiBase: stripe.url, stripeTimeoutMs: timeoutMs });
  const sender = withKey ? new MeterSender(outbox, provider, clock, silentLogger, 60_000) : undefined;
  return new Accounts({ pool: on, customers: new CustomerDirectory(bus, on, signal), outbox, sender, clock, health, logger: silentLogger, graceMs: GRACE_MS, signal });
}
const settle = (options: With = {}) => accounts(options).settle({ includeOpenHour: false, now: false });
const sync = (includeOpenHour = false, options: With = {}) => accounts(options).settle({ includeOpenHour, now: true });

let position: Record<string, number> = {};
beforeEach(() => {
  position = {};
});
/** Puts usage where counting would. */
async function use(calls: number, { organization = 'acme', hour = NINE, tool = 'lookup' }: { organization?: string; hour?: number; tool?: string } = {}): Promise<void> {
  const store = new UsageStore(pool);
  await store.open([organization]);
  const from = position[organization] ?? 0;
  position[organization] = from + calls;
  const usage = { ...NO_USAGE, calls, durationUs: calls * 1_300, bytesIn: calls * 10, bytesOut: calls * 20 };
  expect(await store.addPage(organization, from, from + calls, [{ consumer: 'support', server: 'crm', tool, hour, ...usage }])).toBe(true);
}
const metered = (meter: string): number => stripe.events.filter((event) => event.event_name === meter).reduce((sum, event) => sum + Number(event.payload['value']), 0);

describe('closing hours', () => {
  it('waits for the end of the hour and the grace', async () => {
    await use(3);
    nowMs = NINE + 3_600_000 + GRACE_MS - 1;
    expect(await settle()).toMatchObject({ windowsClosed: 0, sent: 0 });
    nowMs += 1;
    expect(await settle()).toMatchObject({ windowsClosed: 1, sent: 3, pending: 0, failed: [] });
    expect(await settle()).toMatchObject({ windowsClosed: 0, sent: 0 });
  });

  it('reports calls, duration and bytes for the customer, dated to the hour', async () => {
    await use(2);
    await use(1, { tool: 'other' });
    await settle();
    expect(stripe.events.map(({ identifier, timestamp, payload }) => ({ identifier, timestamp, ...payload }))).toEqual([
      { identifier: 'acme:mcpgw_bytes:20261122T09:1', timestamp: NINE / 1_000, stripe_customer_id: 'cus_acme', value: '90' },
      { identifier: 'acme:mcpgw_calls:20261122T09:1', timestamp: NINE / 1_000, stripe_customer_id: 'cus_acme', value: '3' },
      { identifier: 'acme:mcpgw_duration_ms:20261122T09:1', timestamp: NINE / 1_000, stripe_customer_id: 'cus_acme', value: '3' },
    ]);
  });

  it('reports late usage as a revision that holds the difference alone', async () => {
    await use(3);
    await settle();
    await use(4);
    expect(await settle()).toMatchObject({ windowsClosed: 1, sent: 3 });
    expect(metered('mcpgw_calls')).toBe(7);
    expect(metered('mcpgw_duration_ms')).toBe(9); // 7 x 1,300 us, rounded down once
    expect(stripe.events.filter(({ event_name }) => event_name === 'mcpgw_calls').map(({ identifier }) => identifier)).toEqual(['acme:mcpgw_calls:20261122T09:1', 'acme:mcpgw_calls:20261122T09:2']);
  });

  it('closes the running hour only when asked to, and the rest of it later', async () => {
    const ten = hourOf(START);
    await use(2, { hour: ten });
    expect(await sync()).toMatchObject({ windowsClosed: 0 });
    expect(await sync(true)).toMatchObject({ windowsClosed: 1, sent: 3 });
    await use(5, { hour: ten });
    nowMs = ten + 3_600_000 + GRACE_MS;
    await settle();
    expect(metered('mcpgw_calls')).toBe(7);
  });

  it('closes hours of organizations without a customer and reports them to nobody', async () => {
    customers = { acme: undefined };
    await use(3);
    expect(await settle()).toMatchObject({ windowsClosed: 1, sent: 0, pending: 0 });
    expect(stripe.requests()).toBe(0);
  });

  it('reports the last hours of an organization that was deleted', async () => {
    const running = accounts();
    await running.settle({ includeOpenHour: false, now: false });
    customers = {};
    await use(3);
    await running.settle({ includeOpenHour: false, now: false });
    expect(metered('mcpgw_calls')).toBe(3);
  });

  it('closes nothing while nobody knows who pays', async () => {
    await use(3);
    bus = new MemoryBus();
    await expect(settle()).rejects.toMatchObject({ code: 'unavailable' });
    expect(health.status().problems).toEqual([expect.objectContaining({ component: 'registry', action: expect.stringContaining('who pays') })]);
  });

  it('cannot change a revision once written', async () => {
    await use(3);
    await settle();
    await expect(pool.query('UPDATE window_revision SET calls = 0')).rejects.toThrow(/permission denied/);
    await expect(pool.query('DELETE FROM window_revision')).rejects.toThrow(/permission denied/);
  });

  it('names an hour that lost usage and closes the others', async () => {
    await use(3);
    await settle();
    await asSuperuser(`UPDATE billing.usage_window SET calls = 1; UPDATE billing.usage_hour SET changed = true`);
    await use(2, { organization: 'acme', hour: NINE - 3_600_000 });
    const reply = await settle();
    expect(reply).toMatchObject({ windowsClosed: 1, failed: [{ identifier: 'acme:2026-11-22T09:00:00.000Z', reason: expect.stringContaining('less usage than was already closed') }] });
  });
});

describe('sending', () => {
  it('without a key keeps everything and says what to set', async () => {
    await use(3);
    expect(await accounts({}, false).settle({ includeOpenHour: false, now: false })).toMatchObject({ windowsClosed: 1, sent: 0, pending: 3 });
    expect(health.status().problems).toEqual([{ component: 'stripe', message: '3 meter events wait for a Stripe key.', action: expect.stringContaining('MCPGW_STRIPE_KEY') }]);
    expect(await settle()).toMatchObject({ sent: 3, pending: 0 });
    expect(health.status().problems).toEqual([]);
  });

  it('with a bad key keeps everything, never shows the key, and goes on when it is right', async () => {
    await use(3);
    const bad = `sk_test_${randomBytes(12).toString('hex')}`;
    const reply = await settle({ key: bad });
    expect(reply).toMatchObject({ sent: 0, pending: 3 });
    expect(JSON.stringify([reply, health.status()])).not.toContain(bad);
    expect(health.status().problems[0]?.message).toContain('Stripe refuses the key');
    expect(await sync()).toMatchObject({ sent: 3, pending: 0, failed: [] });
  });

  it('heeds Retry-After', async () => {
    await use(3);
    stripe.inject({ kind: 'rate-limited', retryAfterSeconds: 120 }, { kind: 'rate-limited', retryAfterSeconds: 120 }, { kind: 'rate-limited', retryAfterSeconds: 120 });
    const running = accounts();
    const run = () => running.settle({ includeOpenHour: false, now: false });
    expect(await run()).toMatchObject({ sent: 0, pending: 3 });
    nowMs += 119_000;
    expect(await run()).toMatchObject({ sent: 0, pending: 3 });
    expect(stripe.requests()).toBe(3);
    nowMs += 1_000;
    expect(await run()).toMatchObject({ sent: 3, pending: 0 });
  });

  it.each(['failure', 'failure-after-commit', 'hang-up-after-commit', 'silence', 'silence-after-commit'] as const)('counts once through a %s', async (kind) => {
    await use(3);
    stripe.inject({ kind }, { kind }, { kind });
    await settle({ timeoutMs: 150 });
    nowMs += 3_600_000;
    expect(await settle()).toMatchObject({ pending: 0, failed: [] });
    expect(METERS.map(metered)).toEqual([3, 3, 90]);
  });

  it('hands to a person, unsent, what got no answer a day ago', async () => {
    await use(3);
    stripe.inject({ kind: 'silence-after-commit' }, { kind: 'silence-after-commit' }, { kind: 'silence-after-commit' });
    await settle({ timeoutMs: 150 });
    nowMs += 86_400_000;
    const before = stripe.requests();
    expect((await settle()).failed).toEqual(METERS.toSorted().map((meter) => ({ identifier: `acme:${meter}:20261122T09:1`, reason: expect.stringContaining('forgotten its identifier') })));
    expect(stripe.requests()).toBe(before);
    expect(health.status().problems[0]).toMatchObject({ component: 'stripe', message: '3 meter events must be compared with Stripe by a person.' });
  });

  it('sends after a day what Stripe had refused for certain', async () => {
    await use(3);
    await stripe.close();
    expect(await settle()).toMatchObject({ sent: 0, pending: 3 }); // nobody listens: never left this machine
    stripe = await startStripeStandIn({ key: KEY, meters: METERS, now: () => nowMs });
    nowMs += 2 * 86_400_000;
    expect(await settle()).toMatchObject({ sent: 3, pending: 0 });
  });

  it('names what Stripe refuses and sends the rest', async () => {
    await stripe.close();
    stripe = await startStripeStandIn({ key: KEY, meters: ['mcpgw_calls', 'mcpgw_bytes'], now: () => nowMs });
    await use(3);
    expect(await settle()).toEqual({ windowsClosed: 1, sent: 2, pending: 1, failed: [{ identifier: 'acme:mcpgw_duration_ms:20261122T09:1', reason: expect.stringContaining('No active meter found') }] });
  });

  it('is not done twice at once by two processes', async () => {
    for (let hour = 1; hour <= 6; hour += 1) await use(hour, { hour: NINE - hour * 3_600_000 });
    const replies = await Promise.all([settle(), settle(), settle()]);
    expect(replies.reduce((sum, reply) => sum + reply.sent, 0)).toBe(18);
    expect(stripe.requests()).toBe(18);
    expect(metered('mcpgw_calls')).toBe(21);
  });

  it('reports each call once when the process dies at any statement and starts again', async () => {
    let hour = NINE;
    let used = 0;
    for (const moment of ['before', 'after'] as const) {
      for (let step = 0; ; step += 1) {
        hour -= 3_600_000;
        used += 2;
        await use(2, { hour });
        const dying = crashingPool(pool, step, moment);
        const end = await settle({ on: dying.pool }).catch((error: unknown) => error);
        if (dying.crashed()) expect(end).toBeInstanceOf(Crash);
        nowMs += 120_000; // leases of the dead process run out
        expect(await sync()).toMatchObject({ pending: 0, failed: [] });
        expect(metered('mcpgw_calls')).toBe(used);
        if (!dying.crashed()) break;
      }
    }
    expect(used).toBeGreaterThan(40);
  }, 60_000);
});

/** Fails to compile when the stand-in's idea of a meter event is no longer the SDK's. */
const sameParams = (params: MeterEventParams): Stripe.Billing.MeterEventCreateParams => ({ ...params });
const sameParamsBack = (params: Omit<Stripe.Billing.MeterEventCreateParams, 'expand'>): MeterEventParams => params;
it('speaks the parameters of the SDK', () => {
  const params = { event_name: 'mcpgw_calls', payload: { value: '1' }, identifier: 'x', timestamp: 1 };
  expect(sameParamsBack(sameParams(params))).toEqual(params);
});
