import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { HOUR_MS, hourLabel, isOver } from './hour.js';
import { MAX_IDENTIFIER_LENGTH, meterEventIdentifier, meterEvents, METERS } from './meter.js';
import { nextRevision, type BilledUsage, type WindowRevision } from './revision.js';

const HOUR = Date.parse('2026-11-22T09:00:00Z');
const growth = fc.array(fc.record({ calls: fc.nat(1_000), durationUs: fc.nat(100_000_000), bytes: fc.nat(10_000_000) }), { maxLength: 20 });

/** Closes the hour after each growth and returns the revisions made. */
function revisionsOf(steps: readonly BilledUsage[]): readonly WindowRevision[] {
  const revisions: WindowRevision[] = [];
  let total: BilledUsage = { calls: 0, durationUs: 0, bytes: 0 };
  for (const step of steps) {
    total = { calls: total.calls + step.calls, durationUs: total.durationUs + step.durationUs, bytes: total.bytes + step.bytes };
    const next = nextRevision(revisions.at(-1), total);
    if (next) revisions.push(next);
  }
  return revisions;
}
const sum = (values: readonly number[]): number => values.reduce((left, right) => left + right, 0);

describe('revisions', () => {
  it('add up to the total of their hour, numbered without a gap', () => {
    fc.assert(
      fc.property(growth, (steps) => {
        const revisions = revisionsOf(steps);
        for (const part of ['calls', 'durationUs', 'bytes'] as const) expect(sum(revisions.map(({ delta }) => delta[part]))).toBe(sum(steps.map((step) => step[part])));
        expect(revisions.map(({ revision }) => revision)).toEqual(revisions.map((_, index) => index + 1));
      }),
    );
  });

  it('send meter events that add up to the total as well, milliseconds rounded down once', () => {
    fc.assert(
      fc.property(growth, (steps) => {
        const events = revisionsOf(steps).flatMap((revision) => meterEvents('acme', HOUR, revision));
        const metered = (meter: string): number => sum(events.filter((event) => event.meter === meter).map(({ value }) => value));
        expect(metered('mcpgw_calls')).toBe(sum(steps.map(({ calls }) => calls)));
        expect(metered('mcpgw_bytes')).toBe(sum(steps.map(({ bytes }) => bytes)));
        expect(metered('mcpgw_duration_ms')).toBe(Math.floor(sum(steps.map(({ durationUs }) => durationUs)) / 1_000));
        expect(new Set(events.map(({ identifier }) => identifier)).size).toBe(events.length);
        expect(events.every(({ value }) => value > 0)).toBe(true);
      }),
    );
  });

  it('do not exist without new usage', () => {
    const first = nextRevision(undefined, { calls: 1, durationUs: 10, bytes: 5 });
    expect(nextRevision(first, { calls: 1, durationUs: 10, bytes: 5 })).toBeUndefined();
    expect(nextRevision(undefined, { calls: 0, durationUs: 0, bytes: 0 })).toBeUndefined();
  });

  it('refuse usage that shrank', () => {
    const first = nextRevision(undefined, { calls: 2, durationUs: 10, bytes: 5 });
    expect(() => nextRevision(first, { calls: 1, durationUs: 10, bytes: 5 })).toThrow(/less usage than was already closed/);
  });
});

describe('identifiers', () => {
  it('name organization, meter, hour and revision', () => {
    expect(meterEventIdentifier('acme', 'mcpgw_calls', HOUR, 2)).toBe('acme:mcpgw_calls:20261122T09:2');
  });

  it('fit for the longest organization at its hundred-thousandth revision', () => {
    for (const meter of METERS) expect(meterEventIdentifier('a'.repeat(63), meter, HOUR, 100_000).length).toBeLessThanOrEqual(MAX_IDENTIFIER_LENGTH);
  });

  it('are refused rather than cut when they would not fit', () => {
    expect(() => meterEventIdentifier('a'.repeat(90), 'mcpgw_calls', HOUR, 1)).toThrow(/at most 100/);
  });
});

describe('an hour', () => {
  it('closes at its end plus the grace, not a millisecond before', () => {
    expect(isOver(HOUR, HOUR + HOUR_MS + 60_000 - 1, 60_000)).toBe(false);
    expect(isOver(HOUR, HOUR + HOUR_MS + 60_000, 60_000)).toBe(true);
  });

  it('is labelled in UTC', () => {
    expect(hourLabel(Date.parse('2026-11-22T23:00:00-05:00'))).toBe('20261123T04');
  });
});
