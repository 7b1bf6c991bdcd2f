import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { auditAppend, auditCheckpoints, auditCommitted, auditEntries, auditFind, auditHeads, auditStatus, type AuditEntry, type OrganizationName } from '@mcpgw/contracts';
import { canonicalize, EdgeSequences, parseVerifierKey, verifyLog, type Finding } from '@mcpgw/core-transparency-log';
import { MemoryBus } from '@mcpgw/platform-bus';
import { migrate } from '@mcpgw/platform-database';
import { createContext, silentLogger, startService, type RunningService } from '@mcpgw/platform-runtime';
import { testDatabase, until, type TestDatabase } from '@mcpgw/testing';
import pg from 'pg';
import { auditConfig, type AuditConfig } from './audit.config.js';
import { AuditModule } from './audit.module.js';
import { FakeEdge } from './testing/fake-edge.js';

let database: TestDatabase;
let root: string;
let bus: MemoryBus;
let service: RunningService;
const services: RunningService[] = [];

beforeAll(async () => {
  database = await testDatabase();
}, 60_000);

afterAll(async () => {
  await database.close();
});

beforeEach(async () => {
  root = mkdtempSync(path.join(os.tmpdir(), 'mcpgw-audit-'));
  bus = new MemoryBus();
  service = await start();
});

afterEach(async () => {
  await Promise.all(services.splice(0).map((running) => running.close()));
  await bus.close();
  rmSync(root, { recursive: true, force: true });
});

async function start(more: Partial<AuditConfig> = {}, on = bus): Promise<RunningService> {
  const config = auditConfig.parse({ databaseUrl: database.url, auditCheckpointEveryMs: 100, ...more });
  const running = await startService(createContext('audit', on, silentLogger, { dataDir: root }), AuditModule.forRoot(config));
  services.push(running);
  await until('the service is ready', () => running.health.ready() || more.databaseUrl !== undefined);
  return running;
}

let organizations = 0;
/** A log that no other test has. */
const newOrganization = (): OrganizationName => `org-${(organizations += 1)}` as OrganizationName;

async function bodies(organization: OrganizationName): Promise<readonly AuditEntry[]> {
  const { entries } = await bus.request(auditEntries, { organization, from: 0, limit: 2_000 });
  return entries.map(({ body }) => JSON.parse(body) as AuditEntry);
}

/** Everything the verifier says of a log, edges' numbering included; a checkpoint of its present size is awaited first. */
async function verify(organization: OrganizationName, edges: readonly string[] = []): Promise<readonly Finding[]> {
  const { heads } = await bus.request(auditHeads, {});
  const head = heads.find((candidate) => candidate.organization === organization);
  const sequences = new EdgeSequences();
  let verifierKey = '';
  await until('the head is signed', async () => {
    const page = await bus.request(auditCheckpoints, { organization, afterSize: (head?.size ?? 0) - 1, limit: 1 });
    verifierKey = page.verifierKey;
    return page.checkpoints.length > 0;
  });
  const report = await verifyLog(
    {
      entries: async (from) => (await bus.request(auditEntries, { organization, from, limit: 3 })).entries,
      checkpoints: async (afterSize) => (await bus.request(auditCheckpoints, { organization, afterSize, limit: 2 })).checkpoints,
    },
    { organization, origin: `mcpgw/${organization}`, trustedKeys: [parseVerifierKey(verifierKey)], sequences, nowMs: Date.now(), openWindowMs: 60_000, strict: true, expected: head ? [{ size: head.size, rootHash: head.rootHash, saidBy: 'head' }] : [] },
  );
  const ofEdges = sequences.findings().filter(({ message }) => edges.some((edge) => message.includes(edge)));
  return [...report.findings, ...ofEdges];
}

async function asSuperuser(...statements: readonly string[]): Promise<void> {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}

describe('appending', () => {
  it('answers with the receipt, tells the new heads, and the log verifies', async () => {
    const organization = newOrganization();
    const told: number[] = [];
    bus.subscribe(auditCommitted, ({ heads }) => void told.push(...heads.filter((head) => head.organization === organization).map((head) => head.size)));
    const edge = new FakeEdge(bus);
    const calls = [...edge.call(organization), ...edge.call(organization)];
    expect(await edge.send(calls)).toEqual({ edgeId: edge.id, epoch: 1, committedSeq: 4 });
    expect(await bodies(organization)).toEqual(calls);
    await until('the hint arrives', () => told.includes(4));
    expect(await verify(organization, [edge.id])).toEqual([]);
  });

  it('keeps text exactly, whatever is in it', async () => {
    const organization = newOrganization();
    const edge = new FakeEdge(bus);
    const entry = edge.entry({ organization, phase: 'denied', target: 'line\nbreak "quoted" \\ \u0000 {,} é 😀 \u2028' });
    await edge.send([entry, edge.entry({ organization, phase: 'denied', target: '' })]);
    expect((await bodies(organization))[0]).toEqual(entry);
    expect(await verify(organization, [edge.id])).toEqual([]);
  });

  it('takes a batch once, however often it comes', async () => {
    const organization = newOrganization();
    const edge = new FakeEdge(bus);
    const calls = [...edge.call(organization), edge.entry({ organization, phase: 'intent' })];
    const receipts = [await edge.send(calls), await edge.send(calls), ...(await Promise.all([edge.send(calls), edge.send(calls)]))];
    expect(receipts).toEqual(receipts.map(() => ({ edgeId: edge.id, epoch: 1, committedSeq: 3 })));
    expect(await bodies(organization)).toEqual(calls);
  });

  it('whose receipt got lost with the process is repeated by the next one, and nothing is logged twice', async () => {
    const organization = newOrganization();
    const edge = new FakeEdge(bus);
    const calls = [...edge.call(organization), edge.entry({ organization, phase: 'intent' })];
    await edge.send(calls);
    await service.close();
    service = await start();
    expect(await edge.send(calls)).toEqual({ edgeId: edge.id, epoch: 1, committedSeq: 3 });
    expect(await bodies(organization)).toEqual(calls);
  });

  it('takes the rest of a batch whose beginning the log has', async () => {
    const organization = newOrganization();
    const edge = new FakeEdge(bus);
    const calls = [...edge.call(organization), ...edge.call(organization)];
    await edge.send(calls.slice(0, 3));
    await edge.send(calls);
    expect(await bodies(organization)).toEqual(calls);
  });

  it('by many edges through two processes into one log leaves no gap and no fork', async () => {
    const organization = newOrganization();
    const second = new MemoryBus();
    await start({}, second);
    const edges = Array.from({ length: 8 }, (_, index) => new FakeEdge(index % 2 ? second : bus));
    await Promise.all(
      edges.map(async (edge) => {
        for (let round = 0; round < 10; round++) await edge.send([...edge.call(organization), ...edge.call(newOrganization())]);
      }),
    );
    const entries = await bodies(organization);
    expect(entries).toHaveLength(160);
    for (const edge of edges) expect(entries.filter((entry) => entry.edge.id === edge.id).map((entry) => entry.edge.seq)).toEqual(Array.from({ length: 10 }, (_, round) => [4 * round + 1, 4 * round + 2]).flat());
    expect(await verify(organization)).toEqual([]);
    await second.close();
  }, 30_000);

  it.each<[string, (edge: FakeEdge, organization: OrganizationName) => Partial<AuditEntry>, RegExp]>([
    ['of another edge', () => ({ edge: { id: 'edge-other', epoch: 1, seq: 1 } }), /is of edge edge-other/],
    ['beyond the batch', (edge) => ({ edge: { id: edge.id, epoch: 1, seq: 9 } }), /number 9/],
    ['that claims to be late', () => ({ phase: 'late' }), /only the audit service/],
    ['without a time', () => ({ time: 'yesterday' }), /which is none/],
  ])('refuses an entry %s, names it and changes nothing', async (_what, change, message) => {
    const organization = newOrganization();
    const edge = new FakeEdge(bus);
    const good = edge.entry({ organization, phase: 'denied' });
    edge.restart();
    edge.epoch = 1;
    const bad = { ...good, ...change(edge, organization) };
    const sent = bus.request(auditAppend, { edgeId: edge.id, epoch: 1, lastSeq: 1, entries: [canonicalize(bad)] });
    await expect(sent).rejects.toMatchObject({ code: 'invalid_request', message: expect.stringMatching(message) });
    expect(await bodies(organization)).toEqual([]);
  });

  it.each([['{"v":1}'], ['not json'], ['{"v": 1}']])('refuses %s as an entry', async (text) => {
    await expect(bus.request(auditAppend, { edgeId: 'edge-x', epoch: 1, lastSeq: 1, entries: [text] })).rejects.toMatchObject({ code: 'invalid_request' });
  });

  it('refuses an edge that calls itself audit', async () => {
    await expect(bus.request(auditAppend, { edgeId: 'audit', epoch: 1, lastSeq: 0, entries: [] })).rejects.toMatchObject({ code: 'invalid_request' });
  });
});

describe('open intents', () => {
  it('are closed as unknown when their edge begins a new epoch, once, saying of the call what the intent said', async () => {
    const organization = newOrganization();
    const edge = new FakeEdge(bus);
    const [intent, outcome] = edge.call(organization);
    const open = edge.entry({ organization, phase: 'intent', target: 'refund' });
    await edge.send([intent, outcome, open]);
    edge.restart();
    await edge.send([]);
    await edge.send([]);
    const entries = await bodies(organization);
    expect(entries).toHaveLength(4);
    expect(entries[3]).toMatchObject({ phase: 'unknown', callId: open.callId, intentId: open.entryId, target: 'refund', server: 'crm', edge: { id: 'audit' } });
    expect(await verify(organization, [edge.id, 'audit'])).toEqual([]);
  });

  it('whose outcome comes in a later batch are closed by it', async () => {
    const organization = newOrganization();
    const edge = new FakeEdge(bus);
    const intent = edge.entry({ organization, phase: 'intent' });
    await edge.send([intent]);
    await edge.send([edge.outcomeOf(intent)]);
    edge.restart();
    await edge.send([]);
    expect((await bodies(organization)).map((entry) => entry.phase)).toEqual(['intent', 'outcome']);
  });

  it('of an edge that never comes back are swept', async () => {
    const organization = newOrganization();
    const edge = new FakeEdge(bus);
    await edge.send([edge.entry({ organization, phase: 'intent' })]);
    await start({ auditSweepAfterSeconds: 1 });
    await until('the intent is closed', async () => (await bodies(organization)).length === 2, 15_000);
    expect(await verify(organization)).toEqual([]);
  }, 20_000);

  it('whose outcome comes after all keep one end, and the outcome is logged as late under its own id', async () => {
    const organization = newOrganization();
    const edge = new FakeEdge(bus);
    const intent = edge.entry({ organization, phase: 'intent' });
    await edge.send([intent]);
    const outcome = edge.outcomeOf(intent);
    const newer = new FakeEdge(bus, edge.id);
    newer.restart();
    await newer.send([]);
    await edge.send([outcome]);
    await edge.send([outcome]);
    const entries = await bodies(organization);
    expect(entries.map((entry) => entry.phase)).toEqual(['intent', 'unknown', 'late']);
    expect(entries[2]).toMatchObject({ entryId: outcome.entryId, outcome: outcome.outcome, replaces: { edge: outcome.edge, time: outcome.time } });
    expect(await verify(organization, [edge.id, 'audit'])).toEqual([]);
  });

  it('an edge that ends a call twice has the second end kept as late, which the verifier reports', async () => {
    const organization = newOrganization();
    const edge = new FakeEdge(bus);
    const [intent, outcome] = edge.call(organization);
    await edge.send([intent, outcome, edge.outcomeOf(intent)]);
    expect((await bodies(organization)).map((entry) => entry.phase)).toEqual(['intent', 'outcome', 'late']);
    expect((await verify(organization)).map(({ code }) => code)).toEqual(['unpaired_call']);
  });
});

describe('reading', () => {
  it('goes on by cursor to the end', async () => {
    const organization = newOrganization();
    const edge = new FakeEdge(bus);
    const sent = Array.from({ length: 7 }, () => edge.entry({ organization, phase: 'denied' }));
    await edge.send(sent);
    const first = await bus.request(auditEntries, { organization, from: 0, limit: 5 });
    const second = await bus.request(auditEntries, { organization, from: first.next, limit: 5 });
    const third = await bus.request(auditEntries, { organization, from: second.next, limit: 5 });
    expect([...first.entries, ...second.entries].map(({ index }) => index)).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect([second.next, second.size, third.entries, third.next]).toEqual([7, 7, [], 7]);
  });

  it('answers big entries in portions that fit a message', async () => {
    const organization = newOrganization();
    const edge = new FakeEdge(bus);
    await edge.send(Array.from({ length: 16 }, () => edge.entry({ organization, phase: 'denied', target: 'x'.repeat(60_000) })));
    const { entries, next } = await bus.request(auditEntries, { organization, from: 0, limit: 2_000 });
    expect(entries.length).toBeGreaterThan(1);
    expect(entries.reduce((sum, entry) => sum + entry.body.length, 0)).toBeLessThanOrEqual(524_288);
    expect(next).toBe(entries.length);
  });

  it('skips what is older than asked', async () => {
    const organization = newOrganization();
    const edge = new FakeEdge(bus);
    await edge.send([edge.entry({ organization, phase: 'denied', time: '2026-01-01T00:00:00.000Z' }), edge.entry({ organization, phase: 'denied', time: '2026-02-01T00:00:00.000Z' })]);
    const since = (time: string) => bus.request(auditEntries, { organization, from: 0, limit: 10, since: time });
    expect((await since('2026-01-15T00:00:00Z')).entries.map(({ index }) => index)).toEqual([1]);
    expect(await since('2026-03-01T00:00:00Z')).toEqual({ entries: [], size: 2, next: 2 });
    await expect(since('last week')).rejects.toMatchObject({ code: 'invalid_params' });
  });

  it('finds a call by its id and by the id of any of its entries, in its organization only', async () => {
    const organization = newOrganization();
    const edge = new FakeEdge(bus);
    const [intent, outcome] = edge.call(organization);
    await edge.send([intent, outcome, ...edge.call(newOrganization())]);
    for (const id of [intent.callId, intent.entryId, outcome.entryId]) {
      const { entries } = await bus.request(auditFind, { id });
      expect(entries.map(({ body }) => (JSON.parse(body) as AuditEntry).entryId)).toEqual([intent.entryId, outcome.entryId]);
    }
    expect((await bus.request(auditFind, { id: intent.callId, organization: newOrganization() })).entries).toEqual([]);
    await expect(bus.request(auditFind, { id: 'robert' })).rejects.toMatchObject({ code: 'invalid_params' });
  });
});

describe('tampering', () => {
  async function logOfFive(): Promise<{ readonly organization: OrganizationName; readonly entries: readonly AuditEntry[] }> {
    const organization = newOrganization();
    const edge = new FakeEdge(bus);
    const entries = Array.from({ length: 5 }, () => edge.entry({ organization, phase: 'denied' }));
    await edge.send(entries);
    expect(await verify(organization)).toEqual([]);
    return { organization, entries };
  }

  it.each([['UPDATE audit.entries SET phase = phase'], ['DELETE FROM audit.entries'], ['TRUNCATE audit.entries'], ['DELETE FROM audit.checkpoints']])('by accident is refused, even to the owner: %s', async (statement) => {
    await logOfFive();
    await expect(asSuperuser(statement)).rejects.toThrow('append-only');
  });

  it('is not within the rights of the service itself', async () => {
    await expect(asSuperuser('SET ROLE mcpgw_audit', 'ALTER TABLE audit.entries DISABLE TRIGGER ALL')).rejects.toThrow('must be owner');
    await expect(asSuperuser('SET ROLE mcpgw_audit', 'DELETE FROM audit.entries')).rejects.toThrow('permission denied');
    await expect(asSuperuser('SET ROLE mcpgw_audit', 'DELETE FROM audit.log_heads')).rejects.toThrow('permission denied');
  });

  it.each([
    ['a byte of a body', (organization: string) => `UPDATE audit.entries SET body = replace(body, 'get_customer', 'get_kustomer') WHERE organization = '${organization}' AND idx = 2`, 'tampered_entry', 2],
    ['body and hash of an entry', (organization: string) => `UPDATE audit.entries SET body = replace(body, 'get_customer', 'get_kustomer'), leaf = sha256('\\x00' || convert_to(replace(body, 'get_customer', 'get_kustomer'), 'UTF8')) WHERE organization = '${organization}' AND idx = 2`, 'root_mismatch', 4],
    ['an entry away', (organization: string) => `DELETE FROM audit.entries WHERE organization = '${organization}' AND idx = 3`, 'missing_entry', 3],
    ['the last entries away', (organization: string) => `DELETE FROM audit.entries WHERE organization = '${organization}' AND idx >= 3`, 'truncated', undefined],
    ['a checkpoint', (organization: string) => `UPDATE audit.checkpoints SET note = replace(note, 'mcpgw/', 'MCPGW/') WHERE organization = '${organization}'`, 'bad_checkpoint_signature', undefined],
  ])('with %s by a superuser is found', async (_what, statement, code, index) => {
    const { organization, entries } = await logOfFive();
    await asSuperuser('SET session_replication_role = replica', statement(organization));
    const [found] = await verify(organization);
    expect(found).toMatchObject({ code, ...(index !== undefined && { index }) });
    if (code === 'tampered_entry') expect(found?.message).toContain(entries[2]?.entryId);
  });
});

describe('the service', () => {
  it('without its Postgres says so, answers unavailable and recovers by itself', async () => {
    const url = new URL(database.url);
    const name = `late_${process.pid}`;
    url.pathname = `/${name}`;
    const second = new MemoryBus();
    const waiting = await start({ databaseUrl: url.href }, second);
    const edge = new FakeEdge(second);
    await expect(edge.send([])).rejects.toMatchObject({ code: 'unavailable' });
    await until('the problem is shown', async () => (await second.request(auditStatus, {})).problems.some((problem) => problem.component === 'database' && problem.message.includes(name)));
    expect(waiting.health.ready()).toBe(false);
    await asSuperuser(`CREATE DATABASE ${name}`);
    try {
      await until('the missing tables are named', async () => (await second.request(auditStatus, {})).problems.some((problem) => problem.message.includes('migrations have not run')));
      await migrate(url.href);
      await until('the service is ready', () => waiting.health.ready());
      expect(await edge.send([])).toMatchObject({ committedSeq: 0 });
    } finally {
      await waiting.close();
      await asSuperuser(`DROP DATABASE ${name} WITH (FORCE)`);
      await second.close();
    }
  }, 30_000);

  it('whose connections are cut answers again at once', async () => {
    const organization = newOrganization();
    const edge = new FakeEdge(bus);
    await edge.send([...edge.call(organization)]);
    await asSuperuser("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'mcpgw-audit' AND datname = current_database()");
    const calls = edge.call(organization);
    await until('the batch is taken', async () => edge.send(calls).then(() => true, (error: { code?: string }) => (expect(error.code).toBe('unavailable'), false)));
    expect(await bodies(organization)).toHaveLength(4);
    expect(await verify(organization, [edge.id])).toEqual([]);
  });

  it('signs what it has not signed yet when it stops and when it starts', async () => {
    const organization = newOrganization();
    const edge = new FakeEdge(bus);
    const second = new MemoryBus();
    const slow = await start({ auditCheckpointEveryMs: 60_000 }, second);
    await new FakeEdge(second, edge.id).send([edge.entry({ organization, phase: 'denied' })]);
    await slow.close();
    const { checkpoints } = await bus.request(auditCheckpoints, { organization, afterSize: 0, limit: 10 });
    expect(checkpoints).toEqual([expect.objectContaining({ size: 1, note: expect.stringMatching(/^mcpgw\/org-\d+\n1\n/) })]);
    expect(service.health.ready()).toBe(true);
    await second.close();
  });
});
