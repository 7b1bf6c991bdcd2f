import { describe, expect, it } from '@jest/globals';
import { bodyOf, type FakeEntry } from '../fakes/fake-audit-log.js';
import { countPage } from './count-page.js';

const page = (from: number, entries: readonly FakeEntry[]) => entries.map((entry, offset) => ({ index: from + offset, body: bodyOf(entry), leafHash: '' }));

describe('a page of the log', () => {
  it('counts terminal entries of calls and nothing else', () => {
    const entries: FakeEntry[] = [{ phase: 'intent' }, {}, { phase: 'denied', intentId: undefined }, { phase: 'unknown' }, { phase: 'late' }, { method: 'tools/list' }, { intentId: undefined }, { status: 'tool_error' }];
    expect(countPage('acme', 7, page(7, entries))).toEqual([
      { consumer: 'support', server: 'crm', tool: 'lookup', hour: Date.parse('2026-11-22T09:00:00Z'), calls: 2, errors: 1, unknown: 1, durationUs: 3_000, bytesIn: 200, bytesOut: 400 },
    ]);
  });

  it('counts a call whose tool name imitates another phase', () => {
    expect(countPage('acme', 0, page(0, [{ tool: '"phase":"intent"' }]))).toMatchObject([{ calls: 1, tool: '"phase":"intent"' }]);
  });

  it('is refused when an entry is missing', () => {
    const entries = page(0, [{}, {}, {}]);
    expect(() => countPage('acme', 0, [entries[0]!, entries[2]!])).toThrow(/Entry 1 of the audit log of "acme" can't be counted/);
  });

  it.each(['not json', '{"phase":"outcome"}', '{"phase":"outcome","intentId":"x","time":"2026","method":"tools/call","request":{"bytes":-5}}'])('is refused, naming the entry, when one reads %s', (body) => {
    expect(() => countPage('acme', 4, [{ index: 4, body, leafHash: '' }])).toThrow(/Entry 4 of the audit log of "acme"/);
  });
});
