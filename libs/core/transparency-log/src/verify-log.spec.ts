import { generateKeyPairSync, sign } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import type { AuditEntry, CallId, Checkpoint, EntryId, LoggedEntry, OrganizationName } from '@mcpgw/contracts';
import fc from 'fast-check';
import { canonicalize } from './canonical-json.js';
import { formatCheckpoint, noteVerifier, signNote, type NoteSigner } from './checkpoint-note.js';
import { EdgeSequences } from './edge-sequences.js';
import { exitCodeOf, FINDING_CODES } from './findings.js';
import { appendLeaves, EMPTY_FRONTIER, leafHash, rootOf } from './merkle.js';
import { UuidSet } from './uuid-set.js';
import { verifyLog, type LogReport, type VerifyOptions } from './verify-log.js';

const NOW = Date.parse('2026-11-22T12:00:00Z');
const acme = 'acme' as OrganizationName;
const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const signer: NoteSigner = { verifier: noteVerifier('mcpgw-audit', publicKey.export({ type: 'spki', format: 'der' }).subarray(-32)), sign: (message) => sign(null, message, privateKey) };

const uuid = (number: number): string => `0193c000-0000-7000-8000-${number.toString(16).padStart(12, '0')}`;
let ids = 0;

function entry(seq: number, more: Partial<AuditEntry> = {}): AuditEntry {
  ids += 2;
  return { v: 1, entryId: uuid(ids) as EntryId, callId: uuid(ids + 1) as CallId, phase: 'denied', organization: acme, time: '2026-11-22T10:00:00.000Z', edge: { id: 'edge-a', epoch: 1, seq }, client: {}, method: 'tools/call', request: { bytes: 1 }, ...more };
}

/** Intent and end of one call, numbered from `seq`. */
function call(seq: number, end: Partial<AuditEntry> = {}): readonly [AuditEntry, AuditEntry] {
  const intent = entry(seq, { phase: 'intent' });
  return [intent, entry(seq + 1, { phase: 'outcome', callId: intent.callId, intentId: intent.entryId, outcome: { status: 'ok', bytes: 1, durationUs: 1 }, ...end })];
}

interface Log {
  entries: LoggedEntry[];
  checkpoints: Checkpoint[];
}

/** A log as the audit service writes it, with a checkpoint after every `every` entries and at the end. */
function logOf(entries: readonly AuditEntry[], every = 3): Log {
  const bodies = entries.map((item) => canonicalize(item));
  const leaves = bodies.map((body) => leafHash(body));
  const sizes = bodies.map((_, index) => index + 1).filter((size) => size % every === 0 || size === bodies.length);
  return { entries: bodies.map((body, index) => ({ index, body, leafHash: leaves[index]?.toString('hex') ?? '' })), checkpoints: sizes.map((size) => checkpointOf(leaves.slice(0, size))) };
}

function checkpointOf(leaves: readonly Buffer[], origin = 'mcpgw/acme'): Checkpoint {
  const { size, root } = appendLeaves(EMPTY_FRONTIER, leaves);
  return { size, rootHash: root.toString('hex'), note: signNote(formatCheckpoint(origin, size, root), [signer]), at: '2026-11-22T10:00:01Z' };
}

function verify(log: Log, options: Partial<VerifyOptions> = {}, page = 2): Promise<LogReport> {
  return verifyLog(
    { entries: async (from) => log.entries.filter(({ index }) => index >= from).slice(0, page), checkpoints: async (after) => log.checkpoints.filter(({ size }) => size > after).slice(0, page) },
    { organization: acme, origin: 'mcpgw/acme', trustedKeys: [signer.verifier], nowMs: NOW, openWindowMs: 600_000, ...options },
  );
}

const codes = (report: LogReport): readonly string[] => report.findings.map(({ code }) => code);

describe('an honest log', () => {
  it.each([1, 2, 3, 100])('has no findings, read in pages of %i', async (page) => {
    const log = logOf([...call(1), entry(3), ...call(4), entry(6), ...call(7)]);
    const leaves = log.entries.map(({ leafHash: hash }) => Buffer.from(hash, 'hex'));
    expect(await verify(log, {}, page)).toEqual({ entries: 8, checkpoints: 3, rootHash: appendLeaves(EMPTY_FRONTIER, leaves).root.toString('hex'), findings: [] });
  });

  it('that is empty has none either', async () => {
    expect(await verify({ entries: [], checkpoints: [] })).toEqual({ entries: 0, checkpoints: 0, rootHash: rootOf(EMPTY_FRONTIER).toString('hex'), findings: [] });
  });

  it('may grow and be signed while it is read', async () => {
    const whole = logOf([...call(1), ...call(3), ...call(5)], 1);
    let visible = 2;
    const report = await verifyLog(
      {
        entries: async (from) => {
          const page = whole.entries.slice(from, visible);
          visible = Math.min(6, visible + 2);
          return page;
        },
        checkpoints: async (after) => whole.checkpoints.filter(({ size }) => size > after && size < visible),
      },
      { organization: acme, origin: 'mcpgw/acme', trustedKeys: [signer.verifier], nowMs: NOW, openWindowMs: 600_000 },
    );
    expect(report).toMatchObject({ entries: 6, findings: [] });
  });
});

describe('a log that was tampered with', () => {
  it('at any single byte of any entry is found at that entry', async () => {
    const log = logOf([...call(1), entry(3)]);
    for (const [place, original] of log.entries.entries()) {
      for (let at = 0; at < original.body.length; at++) {
        const body = original.body.slice(0, at) + String.fromCharCode(original.body.charCodeAt(at) ^ 1) + original.body.slice(at + 1);
        const [first] = (await verify({ ...log, entries: log.entries.with(place, { ...original, body }) })).findings;
        if (first?.code !== 'tampered_entry' || first.index !== place) throw new Error(`Byte ${at} of entry ${place} was changed and ${first?.code} found at ${first?.index}`);
      }
    }
    expect(log.entries).toHaveLength(3);
  });

  it('names the changed entry by id, and says nothing else of a log that is right otherwise', async () => {
    const log = logOf([...call(1), entry(3, { target: 'refund_5' }), ...call(4)]);
    const changed = log.entries[2] as LoggedEntry;
    const { findings } = await verify({ ...log, entries: log.entries.with(2, { ...changed, body: changed.body.replace('refund_5', 'refund_6') }) });
    expect(findings).toEqual([{ code: 'tampered_entry', index: 2, entryId: (JSON.parse(changed.body) as AuditEntry).entryId, message: expect.stringContaining('Entry 2 ') }]);
    expect(exitCodeOf(findings)).toBe(10);
  });

  it('with a hash to match has a wrong root from the next checkpoint on', async () => {
    const log = logOf([entry(1), entry(2), entry(3), entry(4)]);
    const forged = canonicalize(entry(2));
    const report = await verify({ ...log, entries: log.entries.with(1, { index: 1, body: forged, leafHash: leafHash(forged).toString('hex') }) });
    expect(report.findings.map(({ code, index }) => [code, index])).toEqual([['root_mismatch', 2], ['root_mismatch', 3]]);
  });

  it('by swapping two entries has a wrong root', async () => {
    const log = logOf([entry(1), entry(2), entry(3)]);
    const [first, second, third] = log.entries as [LoggedEntry, LoggedEntry, LoggedEntry];
    expect(codes(await verify({ ...log, entries: [{ ...second, index: 0 }, { ...first, index: 1 }, third] }))).toEqual(['root_mismatch']);
  });

  it('by taking one away misses it, and the verifier goes on', async () => {
    const log = logOf([entry(1), entry(2), entry(3), entry(4)]);
    const { findings } = await verify({ ...log, entries: log.entries.toSpliced(1, 1) });
    expect(findings.map(({ code, index }) => [code, index])).toEqual([['missing_entry', 1]]);
  });

  it('by cutting its end is truncated, also when only a remembered root tells', async () => {
    const log = logOf([entry(1), entry(2), entry(3), entry(4)], 2);
    const cut = { ...log, entries: log.entries.slice(0, 3) };
    expect(codes(await verify(cut))).toEqual(['truncated']);
    const forgotten = { entries: log.entries.slice(0, 2), checkpoints: log.checkpoints.slice(0, 1) };
    expect(codes(await verify(forgotten))).toEqual([]);
    const { rootHash } = log.checkpoints[1] as Checkpoint;
    expect(codes(await verify(forgotten, { expected: [{ size: 4, rootHash, saidBy: 'checkpoint of yesterday' }] }))).toEqual(['truncated']);
    expect(codes(await verify(log, { expected: [{ size: 4, rootHash: '00'.repeat(32), saidBy: 'checkpoint of yesterday' }] }))).toEqual(['root_mismatch']);
  });

  it.each<[string, (checkpoint: Checkpoint) => Checkpoint]>([
    ['changed after it was signed', (good) => ({ ...good, note: good.note.replace('\n3\n', '\n2\n') })],
    ['no note', (good) => ({ ...good, note: 'trust me' })],
    ['of another log', (good) => ({ ...good, note: checkpointOf([leafHash('a'), leafHash('b'), leafHash('c')], 'mcpgw/globex').note })],
  ])('in a checkpoint that is %s has it reported', async (_what, change) => {
    const log = logOf([entry(1), entry(2), entry(3)]);
    expect(codes(await verify({ ...log, checkpoints: log.checkpoints.map(change) }))).toEqual(['bad_checkpoint_signature']);
  });
});

describe('entries that should never have been logged', () => {
  it.each<[string, (good: AuditEntry) => string]>([
    ['no JSON', () => 'nonsense'],
    ['not canonical', (good) => JSON.stringify(good, ['v', 'phase'])],
    ['another shape', (good) => canonicalize({ ...good, phase: 'maybe' })],
    ["another organization's", (good) => canonicalize({ ...good, organization: 'globex' })],
    ['a number that is none', (good) => canonicalize({ ...good, edge: { ...good.edge, seq: 0 } })],
  ])('are malformed: %s', async (_what, change) => {
    const body = change(entry(1));
    const leaf = leafHash(body);
    const { findings } = await verify({ entries: [{ index: 0, body, leafHash: leaf.toString('hex') }], checkpoints: [checkpointOf([leaf])] });
    expect(findings).toMatchObject([{ code: 'malformed_entry', index: 0 }]);
    expect(exitCodeOf(findings)).toBe(17);
  });
});

describe('calls', () => {
  const young = new Date(NOW - 60_000).toISOString();

  it.each<[string, () => readonly AuditEntry[], number]>([
    ['ended by the outcome of its intent', () => call(1), 0],
    ['answered by the gateway itself', () => [entry(1)], 0],
    ['closed as unknown, outcome late', () => lateCall(), 0],
    ['under way', () => [entry(1, { phase: 'intent', time: young })], 0],
    ['begun long ago', () => [entry(1, { phase: 'intent' })], 1],
    ['ended twice', () => [...call(1), ...call(3)].map((item, _, [first]) => ({ ...item, callId: first?.callId as CallId })), 2],
    ['ended without its intent', () => call(1).slice(1), 1],
    ['whose end names another intent', () => call(1, { intentId: uuid(9_999) as EntryId }), 1],
    ['whose end names no intent', () => call(1, { intentId: undefined }), 1],
    ['late without being unknown', () => [...call(1), lateCall()[2] as AuditEntry], 1],
  ])('%s: %#', async (_what, entries, findings) => {
    const report = await verify(logOf(entries()));
    expect(codes(report)).toEqual(Array.from({ length: findings }, () => 'unpaired_call'));
  });

  it('that are under way count when asked strictly', async () => {
    expect(codes(await verify(logOf([entry(1, { phase: 'intent', time: young })]), { strict: true }))).toEqual(['unpaired_call']);
  });

  function lateCall(): readonly AuditEntry[] {
    const [intent, outcome] = call(1);
    return [intent, { ...entry(1, { edge: { id: 'audit', epoch: 1, seq: 1 } }), phase: 'unknown', callId: intent.callId, intentId: intent.entryId }, { ...outcome, phase: 'late', edge: { id: 'audit', epoch: 1, seq: 2 }, replaces: { edge: outcome.edge, time: outcome.time } }];
  }
});

describe("the numbering of edges' entries", () => {
  it('is judged over all logs together', async () => {
    const sequences = new EdgeSequences();
    await verify(logOf([entry(1), entry(3), entry(4)]), { sequences });
    expect(sequences.findings()).toEqual([{ code: 'edge_gap', message: 'Of epoch 1 of edge edge-a, 1 of 4 entries are in no log; the first is number 2.' }]);
    const globex = 'globex' as OrganizationName;
    const other = logOf([entry(2, { organization: globex })]);
    await verify({ ...other, checkpoints: [] }, { sequences, organization: globex });
    expect(sequences.findings()).toEqual([]);
  });

  it('counts a late entry as the one it stands for', async () => {
    const sequences = new EdgeSequences();
    const replaces = { edge: { id: 'edge-a', epoch: 1, seq: 1 }, time: '2026-11-22T10:00:00.000Z' };
    await verify(logOf([entry(1, { phase: 'late', edge: { id: 'audit', epoch: 1, seq: 1 }, replaces }), entry(2)]), { sequences });
    expect(sequences.findings()).toEqual([]);
  });

  it('leaves out what was added after the moment that all logs are read at', async () => {
    const sequences = new EdgeSequences();
    await verify(logOf([entry(1), entry(3)]), { sequences, sequencesBelow: 1 });
    expect(sequences.findings()).toEqual([]);
  });

  it('finds exactly the numbers that are missing or repeated, in any order of arrival', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 1, max: 40_000 }), { minLength: 1, maxLength: 60 }), (numbers) => {
        const sequences = new EdgeSequences();
        for (const seq of numbers) sequences.add({ id: 'edge', epoch: 7, seq }, uuid(seq));
        const highest = Math.max(...numbers);
        const [gap] = sequences.findings();
        if (numbers.length === highest) return expect(gap).toBeUndefined();
        const first = Array.from({ length: highest }, (_, index) => index + 1).find((seq) => !numbers.includes(seq));
        expect(gap?.message).toBe(`Of epoch 7 of edge edge, ${highest - numbers.length} of ${highest} entries are in no log; the first is number ${first}.`);
        sequences.add({ id: 'edge', epoch: 7, seq: highest }, uuid(1));
        expect(sequences.findings()[0]?.message).toContain(`used number ${highest} of epoch 7 more than once`);
      }),
      { numRuns: 50 },
    );
  });
});

describe('what the verifier keeps', () => {
  it('of calls is a set that behaves like one', () => {
    const ours = new UuidSet();
    const reference = new Set<string>();
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.uuid(), fc.integer({ min: 0, max: 3_000 }).map(uuid)), { maxLength: 2_000 }), (uuids) => {
        for (const id of uuids) {
          expect(ours.has(id)).toBe(reference.has(id));
          expect(ours.add(id)).toBe(!reference.has(id));
          reference.add(id);
        }
        expect(ours.size).toBe(reference.size);
      }),
      { numRuns: 20 },
    );
  });

  it('gives each kind of finding an exit code of its own', () => {
    expect(new Set(Object.values(FINDING_CODES)).size).toBe(8);
    expect(exitCodeOf([])).toBe(0);
  });
});
