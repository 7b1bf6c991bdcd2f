import { describe, expect, it } from '@jest/globals';
import { parseDuration, parseSince } from './duration.js';

describe('durations', () => {
  it.each([['90s', 90_000], ['5m', 300_000], ['1h30m', 5_400_000], ['30d', 2_592_000_000], ['2w', 1_209_600_000], ['1.5h', 5_400_000], ['250ms', 250]])('reads %s', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  it.each(['', '5', 'm', '5 m', '-5m', '5m!', '5y', '1e9d', '99999999999w'])('refuses "%s"', (text) => {
    expect(() => parseDuration(text)).toThrow('is not a duration');
  });

  it('takes an instant or a duration as the start', () => {
    const now = Date.parse('2026-11-22T10:00:00Z');
    expect(parseSince('5m', now)).toBe('2026-11-22T09:55:00.000Z');
    expect(parseSince('2026-11-22T08:00:00+02:00', now)).toBe('2026-11-22T06:00:00.000Z');
    expect(parseSince('2026-11-22', now)).toBe('2026-11-22T00:00:00.000Z');
  });
});
