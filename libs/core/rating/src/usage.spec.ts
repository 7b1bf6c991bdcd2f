import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { HOUR_MS, hourOf } from './hour.js';
import { foldUsage, NO_USAGE, NOBODY, usageOf, type CountedEntry, type UsageWindow } from './usage.js';

const outcome = (over: Partial<CountedEntry> = {}): CountedEntry =>
  ({
    phase: 'outcome',
    intentId: '0197a000-0000-7000-8000-000000000001',
    time: '2026-11-22T09:59:59.999Z',
    method: 'tools/call',
    principal: { consumer: 'support' },
    server: 'crm',
    target: 'lookup',
    request: { bytes: 120 },
    outcome: { status: 'ok', bytes: 900, durationUs: 1_500 },
    ...over,
  }) as CountedEntry;

const windows = fc.array(
  fc.record({
    consumer: fc.constantFrom('a', 'b'),
    server: fc.constantFrom('crm', 'erp'),
    tool: fc.constantFrom('x', 'y', '["x"]'),
    hour: fc.constantFrom(0, HOUR_MS),
    calls: fc.nat(3),
    errors: fc.nat(3),
    unknown: fc.nat(3),
    durationUs: fc.nat(1_000_000_000),
    bytesIn: fc.nat(1_000_000),
    bytesOut: fc.nat(1_000_000),
  }),
  { maxLength: 60 },
);
const sorted = (list: readonly UsageWindow[]): readonly string[] => list.map((window) => JSON.stringify(Object.entries(window).sort())).sort();

describe('usage of an entry', () => {
  it('counts an outcome that closes an intent, in the hour of its end', () => {
    expect(usageOf(outcome())).toEqual({ consumer: 'support', server: 'crm', tool: 'lookup', hour: Date.parse('2026-11-22T09:00:00Z'), calls: 1, errors: 0, unknown: 0, durationUs: 1_500, bytesIn: 120, bytesOut: 900 });
  });

  it.each(['error', 'tool_error'] as const)('counts a call that ended in %s as a call and an error', (status) => {
    expect(usageOf(outcome({ outcome: { status, bytes: 10, durationUs: 5 } }))).toMatchObject({ calls: 1, errors: 1 });
  });

  it('counts the time and bytes of a round in which the server asked for more, and the call once, at its end', () => {
    const rounds = [usageOf(outcome({ outcome: { status: 'ok', code: 'input_required', bytes: 10, durationUs: 5 } })), usageOf(outcome({ outcome: { status: 'ok', bytes: 20, durationUs: 7 } }))];
    expect(foldUsage(rounds.filter((one) => one !== undefined))).toMatchObject([{ calls: 1, errors: 0, bytesOut: 30, durationUs: 12 }]);
  });

  it('shows a call whose end nobody knows and charges nothing for it', () => {
    expect(usageOf(outcome({ phase: 'unknown', outcome: undefined }))).toMatchObject({ ...NO_USAGE, unknown: 1 });
  });

  it.each([
    ['an intent', { phase: 'intent', intentId: undefined }],
    ['a refusal', { phase: 'denied', intentId: undefined }],
    ['a refusal that closes an intent', { phase: 'denied' }],
    ['an answer of the gateway itself', { intentId: undefined }],
    ['an outcome after its call was closed as unknown', { phase: 'late' }],
    ['a list', { method: 'tools/list' }],
    ['a resource', { method: 'resources/read' }],
  ] as const)('%s is no usage', (_name, over) => {
    expect(usageOf(outcome(over as Partial<CountedEntry>))).toBeUndefined();
  });

  it('counts a call even when the entry names nobody', () => {
    expect(usageOf(outcome({ principal: undefined, server: undefined, target: undefined }))).toMatchObject({ consumer: NOBODY, server: NOBODY, tool: NOBODY, calls: 1 });
  });

  it('refuses an entry without a time instead of counting it into some hour', () => {
    expect(() => usageOf(outcome({ time: 'yesterday' }))).toThrow(/not an ISO 8601 date/);
  });
});

describe('windows', () => {
  it('are the same in any order and in any batches', () => {
    fc.assert(
      fc.property(windows, fc.array(fc.nat(59), { maxLength: 6 }), fc.func(fc.nat()), (usage, cuts, rank) => {
        const shuffled = usage.map((one, index) => ({ one, rank: rank(index) })).sort((a, b) => a.rank - b.rank).map(({ one }) => one);
        const borders = [0, ...cuts.filter((cut) => cut < usage.length).sort((a, b) => a - b), usage.length];
        const batches = borders.slice(1).map((end, index) => foldUsage(shuffled.slice(borders[index], end)));
        expect(sorted(foldUsage(batches.flat()))).toEqual(sorted(foldUsage(usage)));
      }),
    );
  });

  it('lose and invent nothing', () => {
    fc.assert(
      fc.property(windows, (usage) => {
        const total = (list: readonly UsageWindow[]): number => list.reduce((sum, { calls, errors, unknown, durationUs, bytesIn, bytesOut }) => sum + calls + errors + unknown + durationUs + bytesIn + bytesOut, 0);
        expect(total(foldUsage(usage))).toBe(total(usage));
      }),
    );
  });

  it('begin at the full hour, also before 1970', () => {
    expect(hourOf(Date.parse('2026-11-22T09:00:00.000Z'))).toBe(Date.parse('2026-11-22T09:00:00Z'));
    expect(hourOf(-1)).toBe(-HOUR_MS);
  });
});
