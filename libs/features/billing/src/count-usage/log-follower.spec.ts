import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { GatewayError, auditEntries } from '@mcpgw/contracts';
import { MemoryBus } from '@mcpgw/platform-bus';
import { createPool } from '@mcpgw/platform-database';
import { Health, silentLogger } from '@mcpgw/platform-runtime';
import { testDatabase, type TestDatabase } from '@mcpgw/testing';
import pg from 'pg';
import { Crash, crashingPool } from '../fakes/crashing-pool.js';
import { FakeAuditLog, type FakeEntry } from '../fakes/fake-audit-log.js';
import { lagOf, reportUsage } from '../report-usage/report-usage.js';
import { LogFollower } from './log-follower.js';
import { UsageStore } from './usage-store.js';

let database: TestDatabase;
let pool: pg.Pool;
let bus: MemoryBus;
let log: FakeAuditLog;
let health: Health;

beforeAll(async () => {
  database = await testDatabase();
  pool = createPool({ url: database.url, role: 'billing', onError: () => {} });
}, 60_000);
afterAll(async () => {
  await pool?.end();
  await database?.close();
});
beforeEach(async () => {
  const superuser = new pg.Client({ connectionString: database.url }); // the service itself may not delete usage
  await superuser.connect();
  await superuser.query('TRUNCATE billing.usage_cursor, billing.usage_window, billing.usage_hour');
  await superuser.end();
  bus = new MemoryBus();
  log = new FakeAuditLog(bus, 5);
  health = new Health('billing', 'test', new Date(0));
});

const follower = (on: pg.Pool = pool): LogFollower => new LogFollower(bus, new UsageStore(on), health, silentLogger, new AbortController().signal);
const calls = (count: number, over: FakeEntry = {}): FakeEntry[] => Array.from({ length: count }, (_, index) => [{ phase: 'intent' as const }, { tool: `tool-${index % 3}`, ...over }]).flat();
const usageByOrganization = async () => (await reportUsage(pool, { by: ['organization'] })).rows.map(({ organization, calls: counted }) => [organization, counted]);

describe('counting the log', () => {
  it('counts each call of each organization once, over many pages', async () => {
    log.append('acme', calls(17));
    log.append('beta', calls(4));
    await follower().catchUp();
    await follower().catchUp();
    expect(await usageByOrganization()).toEqual([['acme', 17], ['beta', 4]]);
  });

  it('goes on where it stopped', async () => {
    log.append('acme', calls(3));
    await follower().catchUp();
    log.append('acme', calls(2));
    const { cursors } = await reportUsage(pool, { by: ['organization'] });
    expect(lagOf(await follower().freshHeads(), cursors)).toBe(4);
    await follower().catchUp();
    expect(await usageByOrganization()).toEqual([['acme', 5]]);
  });

  it('counts nothing twice when two processes follow the same log at once', async () => {
    log.append('acme', calls(60));
    await Promise.all([follower().catchUp(), follower().catchUp(), follower().catchUp()]);
    await follower().catchUp();
    expect(await usageByOrganization()).toEqual([['acme', 60]]);
  });

  it('counts everything exactly once when it dies at any statement and starts again', async () => {
    let organizations = 0;
    for (const moment of ['before', 'after'] as const) {
      for (let step = 0; ; step += 1) {
        organizations += 1;
        log.append(`org-${organizations}`, calls(9, { status: 'error' }));
        const dying = crashingPool(pool, step, moment);
        const run = follower(dying.pool).catchUp();
        if (step === 0) await expect(run).rejects.toBeInstanceOf(Crash);
        else await run.catch(() => {});
        await follower().catchUp();
        if (!dying.crashed()) break;
      }
    }
    expect(organizations).toBeGreaterThan(8); // cursors, opening, and four pages, each dying before and after
    expect(await usageByOrganization()).toEqual(Array.from({ length: organizations }, (_, index) => [`org-${index + 1}`, 9]).sort());
  }, 30_000);

  it('counts on for the others when one log has a damaged entry, and names it', async () => {
    log.append('acme', calls(2));
    log.appendRaw('acme', ['{"phase":"outcome","broken":true}']);
    log.append('acme', calls(2));
    log.append('beta', calls(8));
    await follower().catchUp();
    expect(await usageByOrganization()).toEqual([['beta', 8]]);
    expect(health.status().problems).toEqual([expect.objectContaining({ component: 'usage of acme', message: expect.stringContaining('Entry 4 of the audit log of "acme"'), action: 'Run: mcpgw audit verify --organization acme' })]);
  });

  it('says so when a log is shorter than what was counted', async () => {
    log.append('acme', calls(3));
    await follower().catchUp();
    log.truncate('acme', 2);
    await follower().catchUp();
    expect(health.status().problems[0]?.message).toContain('has 2 entries, but 6 were counted already');
    expect(await usageByOrganization()).toEqual([['acme', 3]]);
  });

  it('rejects while the audit service is away', async () => {
    const alone = new LogFollower(new MemoryBus(), new UsageStore(pool), health, silentLogger, new AbortController().signal);
    await expect(alone.catchUp()).rejects.toThrow(GatewayError);
  });

  it('never moves the cursor past a page with a gap', async () => {
    log.append('acme', calls(2));
    const gapped = new MemoryBus();
    new FakeAuditLog(gapped).append('acme', calls(2));
    const lying = { request: async (...args: Parameters<MemoryBus['request']>) => (args[0] === auditEntries ? { entries: [{ index: 1, body: '{}', leafHash: '' }], size: 4, next: 2 } : gapped.request(...args)) };
    await new LogFollower(lying as unknown as MemoryBus, new UsageStore(pool), health, silentLogger, new AbortController().signal).catchUp();
    expect((await new UsageStore(pool).cursors()).get('acme')).toBe(0);
    expect(health.status().problems[0]?.component).toBe('usage of acme');
  });
});

describe('reporting usage', () => {
  it('groups by what was asked for, tools with their server', async () => {
    log.append('acme', [{ tool: 'a', time: '2026-11-22T09:59:59.999Z' }, { tool: 'a', time: '2026-11-22T10:00:00.000Z', status: 'tool_error' }, { tool: 'b', consumer: 'sales', durationUs: 500 }, { phase: 'unknown', tool: 'b' }]);
    await follower().catchUp();
    expect((await reportUsage(pool, { by: ['tool'] })).rows).toEqual([
      { tool: 'crm/a', calls: 2, errors: 1, unknown: 0, durationMs: 3, bytesIn: 200, bytesOut: 400 },
      { tool: 'crm/b', calls: 1, errors: 0, unknown: 1, durationMs: 0.5, bytesIn: 100, bytesOut: 200 },
    ]);
    expect((await reportUsage(pool, { by: ['hour', 'consumer'] })).rows.map(({ hour, consumer, calls: counted }) => [hour, consumer, counted])).toEqual([
      ['2026-11-22T09:00:00Z', 'sales', 1],
      ['2026-11-22T09:00:00Z', 'support', 1],
      ['2026-11-22T10:00:00Z', 'support', 1],
    ]);
  });

  it('takes in the hours that a range touches: from inclusive, to exclusive', async () => {
    log.append('acme', ['08', '09', '10'].map((hour) => ({ time: `2026-11-22T${hour}:30:00.000Z` })));
    await follower().catchUp();
    const hours = async (from: string, to: string) => (await reportUsage(pool, { by: ['hour'], from, to })).rows.map(({ hour }) => hour?.slice(11, 13));
    expect(await hours('2026-11-22T09:00:00Z', '2026-11-22T10:00:00Z')).toEqual(['09']);
    expect(await hours('2026-11-22T08:45:00Z', '2026-11-22T10:05:00Z')).toEqual(['08', '09', '10']);
  });

  it('refuses a date that is none', async () => {
    await expect(reportUsage(pool, { by: ['hour'], from: 'yesterday' })).rejects.toMatchObject({ code: 'invalid_params', message: expect.stringContaining('"yesterday" in `from`') });
  });
});
