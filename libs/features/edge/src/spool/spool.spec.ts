import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { auditAppend, GatewayError, type AuditEntry, type CallId, type OrganizationName } from '@mcpgw/contracts';
import { canonicalize, EdgeSequences, parseBody } from '@mcpgw/core-transparency-log';
import { MemoryBus } from '@mcpgw/platform-bus';
import { Health, silentLogger, systemClock, uuid7 } from '@mcpgw/platform-runtime';
import type { EntryDraft } from '../ports.js';
import type { SpoolPoint } from './journal.js';
import { Spool, type SpoolOptions } from './spool.js';

/** Stands in for the audit service: takes what comes, unless told otherwise. */
class FakeLog {
  readonly batches: { readonly epoch: number; readonly lastSeq: number; readonly entries: readonly AuditEntry[] }[] = [];
  refuse: ((entries: readonly string[]) => GatewayError | undefined) | undefined;

  constructor(bus: MemoryBus) {
    bus.handle(auditAppend, async ({ edgeId, epoch, lastSeq, entries }) => {
      const fault = this.refuse?.(entries);
      if (fault) throw fault;
      this.batches.push({ epoch, lastSeq, entries: entries.map((text) => JSON.parse(text) as AuditEntry) });
      return { edgeId, epoch, committedSeq: lastSeq };
    });
  }

  entries(): readonly AuditEntry[] {
    return this.batches.flatMap((batch) => batch.entries);
  }

  away(): void {
    this.refuse = () => new GatewayError('unavailable', 'the audit service is away');
  }

  back(): void {
    this.refuse = undefined;
  }
}

let root: string;
let bus: MemoryBus;
let log: FakeLog;
let health: Health;
const open: Spool[] = [];

beforeEach(() => {
  root = mkdtempSync(path.join(os.tmpdir(), 'mcpgw-spool-'));
  bus = new MemoryBus();
  log = new FakeLog(bus);
});

afterEach(async () => {
  await Promise.all(open.splice(0).map((spool) => spool.close(0)));
  await bus.close();
  rmSync(root, { recursive: true, force: true });
});

async function start(options: Partial<SpoolOptions> = {}): Promise<Spool> {
  health = new Health('edge', 'edge-spec', new Date());
  const spool = new Spool({ directory: path.join(root, 'spool'), maxBytes: 1_048_576, bus, health, logger: silentLogger, clock: systemClock, ...options });
  open.push(spool);
  await spool.start();
  return spool;
}

async function stop(spool: Spool, forwardMs = 2_000): Promise<void> {
  open.splice(open.indexOf(spool), 1);
  await spool.close(forwardMs);
}

function draft(more: Partial<EntryDraft> = {}): EntryDraft {
  return { callId: uuid7(Date.now()) as CallId, phase: 'denied', organization: 'acme' as OrganizationName, client: {}, method: 'tools/call', request: { bytes: 10 }, ...more };
}

async function until(condition: () => boolean, what: string): Promise<void> {
  for (const deadline = Date.now() + 10_000; !condition(); ) {
    if (Date.now() > deadline) throw new Error(`never: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const problem = (component: string): string => health.status().problems.find((found) => found.component === component)?.message ?? '';
const segmentFiles = (directory = path.join(root, 'spool')): readonly string[] => readdirSync(directory).filter((name) => name.endsWith('.spool')).sort();

describe('the spool', () => {
  it('hands over entries in order, canonical, numbered from 1 without a gap', async () => {
    const spool = await start();
    const ids = await Promise.all(Array.from({ length: 2_500 }, (_, index) => spool.append(draft({ target: `tool-${index}` }), index % 2 ? 'queued' : 'fsynced')));
    await until(() => log.entries().length === 2_500, 'all entries arrive');
    expect(log.entries().map((entry) => entry.entryId)).toEqual(ids);
    expect(log.entries().map((entry) => entry.edge.seq)).toEqual(ids.map((_, index) => index + 1));
    expect(log.batches.every((batch) => batch.entries.length <= 2_000)).toBe(true);
    expect(parseBody(canonicalize(log.entries()[0])).fault).toBeUndefined();
  });

  it('says with an empty batch that it began a new epoch', async () => {
    await stop(await start());
    await start();
    await until(() => log.batches.length === 2, 'both epochs are announced');
    expect(log.batches).toEqual([expect.objectContaining({ epoch: 1, lastSeq: 0, entries: [] }), expect.objectContaining({ epoch: 2, lastSeq: 0, entries: [] })]);
  });

  it('keeps its files to itself', async () => {
    const spool = await start();
    await spool.append(draft(), 'fsynced');
    expect(statSync(path.join(root, 'spool')).mode & 0o777).toBe(0o700);
    expect(readdirSync(path.join(root, 'spool')).map((name) => statSync(path.join(root, 'spool', name)).mode & 0o777)).not.toContain(0o644);
  });

  it('writes many appends of one turn as one group', async () => {
    let writes = 0;
    const spool = await start({ hook: (point) => void (point === 'before-write' && writes++) });
    await Promise.all(Array.from({ length: 500 }, () => spool.append(draft(), 'fsynced')));
    expect(writes).toBe(1);
  });

  it('removes segments only after the receipt', async () => {
    log.away();
    const spool = await start({ maxBytes: 262_144 });
    for (let round = 0; round < 20; round++) await Promise.all(Array.from({ length: 20 }, () => spool.append(draft({ target: 'x'.repeat(100) }), 'fsynced')));
    const before = segmentFiles().length;
    expect(before).toBeGreaterThan(10);
    log.back();
    await until(() => log.entries().length === 400, 'all entries arrive');
    await until(() => segmentFiles().length === 1, 'the segments are removed');
  });

  it('hands over the older epochs first after a restart, and sends nothing twice that has a receipt', async () => {
    const first = await start();
    const early = await first.append(draft(), 'committed');
    log.away();
    const waiting = await first.append(draft(), 'fsynced');
    await stop(first, 10);
    const second = await start();
    const newer = await second.append(draft(), 'fsynced');
    log.back();
    await until(() => log.entries().length === 3, 'all entries arrive');
    expect(log.entries().map((entry) => [entry.entryId, entry.edge.epoch, entry.edge.seq])).toEqual([
      [early, 1, 1],
      [waiting, 1, 2],
      [newer, 2, 1],
    ]);
  });

  it('is refused to a second process while the first one lives', async () => {
    const directory = path.join(root, 'spool');
    const child = spawn(process.execPath, [...childArguments(directory, 1)], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(child.stdout, 'data');
    await start();
    expect(problem('spool')).toContain(`process ${child.pid} uses it`);
    child.kill('SIGKILL');
    await until(() => health.ready(), 'the spool opens when the other process is gone');
  }, 20_000);
});

describe('an entry for the spool', () => {
  it('that is too long has its free text shortened', async () => {
    const spool = await start();
    await spool.append(draft({ target: '\u{1f600}'.repeat(20_000), client: { name: 'n'.repeat(50_000) } }), 'committed');
    const [entry] = log.entries();
    expect(entry?.target).toMatch(/^(\u{1f600})+\ufffd?\u2026$/u);
    expect(entry?.client.name).toHaveLength(1_024);
  });

  it('that is too long without free text is refused and leaves no gap', async () => {
    const spool = await start();
    const roles = Array.from({ length: 2_000 }, (_, index) => `${'r'.repeat(60)}${index}`);
    await expect(spool.append(draft({ principal: { consumer: 'agent', roles } }), 'fsynced')).rejects.toMatchObject({ code: 'payload_too_large' });
    await spool.append(draft(), 'committed');
    expect(log.entries().map((entry) => entry.edge.seq)).toEqual([1]);
  });

  it('with text that is no Unicode is logged with replacement characters', async () => {
    const spool = await start();
    await spool.append(draft({ target: 'a\ud800b' }), 'committed');
    expect(log.entries()[0]?.target).toBe('a\ufffdb');
  });
});

describe('the spool without an audit service', () => {
  it('rejects committed appends within the deadline, and the log later says that nothing was begun', async () => {
    log.away();
    const spool = await start({ commitDeadlineMs: 50 });
    await expect(spool.append(draft({ phase: 'intent' }), 'committed')).rejects.toMatchObject({ code: 'spool_unavailable' });
    log.back();
    await until(() => log.entries().length === 2, 'intent and outcome arrive');
    const [intent, outcome] = log.entries();
    expect(outcome).toMatchObject({ phase: 'outcome', intentId: intent?.entryId, callId: intent?.callId, outcome: { status: 'error', code: 'spool_unavailable' } });
  });

  it('says so, and catches up by itself', async () => {
    log.away();
    const spool = await start();
    await spool.append(draft(), 'fsynced');
    await until(() => problem('spool-forwarding').includes('the audit service is away'), 'the problem is shown');
    expect(health.ready()).toBe(true);
    log.back();
    await until(() => problem('spool-forwarding') === '' && log.entries().length === 1, 'it catches up');
  });

  it('stops accepting when its room is used up, keeps the reserve for outcomes, and goes on when there is room', async () => {
    log.away();
    const spool = await start({ maxBytes: 65_536 });
    let accepted = 0;
    for (; spool.accepting(); accepted++) await spool.append(draft({ target: 'x'.repeat(500) }), 'fsynced');
    await expect(spool.append(draft(), 'fsynced')).rejects.toThrow(/is full: \d+ of 65536 bytes/);
    expect(problem('spool')).toContain(path.join(root, 'spool'));
    expect(health.ready()).toBe(false);
    const intentId = uuid7(Date.now()) as AuditEntry['entryId'];
    await spool.append(draft({ phase: 'outcome', intentId }), 'queued');
    log.back();
    await until(() => spool.accepting() && health.ready(), 'it accepts again');
    await until(() => log.entries().length === accepted + 1, 'nothing was lost');
  });

  it('finds the one entry that the log refuses, sets it aside, says so and hands over all others', async () => {
    log.refuse = (entries) => (entries.some((text) => text.includes('poison')) ? new GatewayError('invalid_request', 'malformed entry') : undefined);
    const spool = await start();
    await Promise.all(Array.from({ length: 40 }, (_, index) => spool.append(draft({ target: index === 27 ? 'poison' : 'tool' }), 'fsynced')));
    await until(() => log.entries().length === 39, 'all others arrive');
    expect(problem('spool-damage')).toContain('refused.jsonl');
    expect(readFileSync(path.join(root, 'spool/quarantine/refused.jsonl'), 'utf8')).toContain('poison');
  }, 20_000);
});

describe('a disk that fails', () => {
  /** Fails at a point as often as told, the way a disk does. */
  function breaking(point: SpoolPoint, times: number): (at: SpoolPoint) => void {
    let left = times;
    return (at) => {
      if (at === point && left-- > 0) throw Object.assign(new Error('EIO: i/o error, fdatasync'), { code: 'EIO' });
    };
  }

  it.each<[SpoolPoint]>([['before-write'], ['after-write']])('at %s rejects who waits, refuses calls, begins a new segment and loses nothing', async (point) => {
    log.away();
    const spool = await start();
    await spool.append(draft({ target: 'before' }), 'fsynced');
    await stop(spool, 0);
    const broken = await start({ hook: breaking(point, 1) });
    await expect(broken.append(draft({ phase: 'intent' }), 'fsynced')).rejects.toThrow(/can't write: EIO/);
    expect(broken.accepting()).toBe(false);
    expect(problem('spool')).toContain('EIO');
    await expect(broken.append(draft(), 'fsynced')).rejects.toMatchObject({ code: 'spool_unavailable' });
    await until(() => broken.accepting() && health.ready(), 'it recovers by itself');
    await broken.append(draft({ target: 'after' }), 'fsynced');
    log.back();
    await until(() => log.entries().length === 4, 'all entries arrive');
    expect(log.entries().map((entry) => [entry.edge.epoch, entry.edge.seq, entry.phase, entry.target])).toEqual([
      [1, 1, 'denied', 'before'],
      [2, 1, 'intent', undefined],
      [2, 2, 'outcome', undefined],
      [2, 3, 'denied', 'after'],
    ]);
  }, 20_000);

  it('for good at a restart keeps trying and says why', async () => {
    writeFileSync(path.join(root, 'spool'), 'a file where the folder should be');
    const spool = await start();
    expect(spool.accepting()).toBe(false);
    expect(problem('spool')).toContain("can't be opened");
    rmSync(path.join(root, 'spool'));
    await until(() => spool.accepting(), 'it opens');
  });

  (process.getuid?.() === 0 && process.platform === 'linux' ? it : it.skip)('because it is full refuses calls and recovers when it has room', async () => {
    const disk = path.join(root, 'disk');
    mkdirSync(disk);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', disk]);
    try {
      log.away();
      const spool = await start({ directory: path.join(disk, 'spool'), maxBytes: 4_194_304 });
      const ids: string[] = [];
      const fill = async (): Promise<void> => {
        for (;;) ids.push(await spool.append(draft({ target: 'x'.repeat(2_000) }), 'fsynced'));
      };
      await expect(fill()).rejects.toThrow(/ENOSPC/);
      expect(problem('spool')).toContain('ENOSPC');
      log.back();
      await until(() => spool.accepting(), 'handing over makes room');
      await until(() => ids.every((id) => log.entries().some((entry) => entry.entryId === id)), 'all acknowledged entries arrive');
      await stop(spool);
    } finally {
      execFileSync('umount', [disk]);
    }
  }, 20_000);
});

describe('after a crash', () => {
  it.each([1, 2, 3])('of a kill -9 at any moment nothing is lost that was acknowledged (round %i)', async (round) => {
    const directory = path.join(root, 'spool');
    const acknowledged = await fillUntilKilled(childArguments(directory, 16), 500 * round);
    await start();
    await until(() => log.batches.at(-1)?.epoch === 2, 'the old epoch is handed over');
    expectNothingLost(acknowledged);
  }, 30_000);

  it.each<[SpoolPoint, number]>([['before-write', 3], ['after-write', 3], ['after-receipt', 2], ['after-trim', 2]])('at %s nothing is lost that was acknowledged', async (point, times) => {
    const directory = path.join(root, 'spool');
    const acknowledged = await fillUntilKilled(childArguments(directory, 16, point, times));
    await start();
    await until(() => log.batches.at(-1)?.epoch === 2, 'the old epoch is handed over');
    if (point === 'before-write' || point === 'after-write') expectNothingLost(acknowledged);
    // With receipts the child's log took the first batches: what it has not is here, without a gap to the end.
    const numbers = log.entries().map((entry) => entry.edge.seq);
    expect(numbers).toEqual(numbers.map((_, index) => (numbers[0] ?? 0) + index));
  }, 30_000);

  it('a torn last record is cut off without alarm', async () => {
    log.away();
    const spool = await start();
    await spool.append(draft(), 'fsynced');
    await stop(spool, 0);
    appendFileSync(path.join(root, 'spool', segmentFiles()[0] as string), Buffer.from('000001f4aabbccdd7b22', 'hex'));
    log.back();
    await start();
    await until(() => log.batches.length === 2, 'both epochs are handed over');
    expect(log.entries()).toHaveLength(1);
    expect(problem('spool-damage')).toBe('');
  });

  it('a flipped byte in the middle costs that entry alone, is said loudly, and the evidence is kept', async () => {
    log.away();
    const spool = await start();
    for (let index = 0; index < 5; index++) await spool.append(draft({ target: `tool-${index}` }), 'fsynced');
    await stop(spool, 0);
    const file = path.join(root, 'spool', segmentFiles()[0] as string);
    const bytes = readFileSync(file);
    const at = bytes.indexOf('tool-2');
    bytes[at] = (bytes[at] as number) ^ 1;
    writeFileSync(file, bytes);
    log.back();
    await start();
    await until(() => log.batches.length === 2, 'both epochs are handed over');
    expect(log.entries().map((entry) => entry.target)).toEqual(['tool-0', 'tool-1', 'tool-3', 'tool-4']);
    expect(problem('spool-damage')).toContain(path.basename(file));
    expect(existsSync(path.join(root, 'spool/quarantine', path.basename(file)))).toBe(true);
  });

  it('with its identity file lost it keeps its name and begins a later epoch', async () => {
    log.away();
    const spool = await start();
    await spool.append(draft(), 'fsynced');
    await stop(spool, 0);
    const { edgeId } = JSON.parse(readFileSync(path.join(root, 'spool/identity.json'), 'utf8')) as { edgeId: string };
    rmSync(path.join(root, 'spool/identity.json'));
    log.back();
    await start();
    await until(() => log.batches.at(-1)?.epoch === 2, 'the new epoch is announced');
    expect(JSON.parse(readFileSync(path.join(root, 'spool/identity.json'), 'utf8'))).toEqual({ edgeId, epoch: 2 });
  });
});

function childArguments(directory: string, atOnce: number, point?: SpoolPoint, times?: number): readonly string[] {
  const program = path.join(path.dirname(new URL(import.meta.url).pathname), 'spool-child.mjs');
  return ['--conditions=@mcpgw/source', program, directory, String(atOnce), ...(point ? [point, String(times)] : [])];
}

/** Runs the child until it dies, by its own hand or ours after so many acknowledged entries; returns their ids. */
async function fillUntilKilled(args: readonly string[], killAfter = Infinity): Promise<readonly string[]> {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
    if (output.length > killAfter * 37) child.kill('SIGKILL');
  });
  const [, signal] = (await once(child, 'close')) as [number | null, string | null];
  expect(signal).toBe('SIGKILL');
  return output.split('\n').filter((line) => line.length === 36);
}

function expectNothingLost(acknowledged: readonly string[]): void {
  const arrived = new Set<string>(log.entries().map((entry) => entry.entryId));
  expect(acknowledged.length).toBeGreaterThan(0);
  expect(acknowledged.filter((id) => !arrived.has(id))).toEqual([]);
  const sequences = new EdgeSequences();
  for (const entry of log.entries()) sequences.add(entry.edge, entry.entryId);
  expect(sequences.findings()).toEqual([]);
}
