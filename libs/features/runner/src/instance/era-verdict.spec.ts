import { beforeEach, describe, expect, it } from '@jest/globals';
import type { Era } from '@mcpgw/contracts';
import { EraVerdict } from './era-verdict.js';

const HOUR = 3_600_000;

describe('EraVerdict', () => {
  let now = 0;
  let verdict: EraVerdict;
  let probes = 0;
  const probe = (era: Era) => async (): Promise<Era> => ((probes += 1), era);

  beforeEach(() => {
    now = probes = 0;
    verdict = new EraVerdict({ now: () => now, monotonicUs: () => now * 1_000 });
  });

  it('probes once for all who ask', async () => {
    expect(await Promise.all([verdict.find(probe('legacy')), verdict.find(probe('modern'))])).toEqual(['legacy', 'legacy']);
    expect(await verdict.find(probe('modern'))).toBe('legacy');
    expect(probes).toBe(1);
  });

  it('is proven by work alone', async () => {
    await verdict.find(probe('modern'));
    expect(verdict.isProven).toBe(false);
    verdict.learn('modern');
    expect(verdict.isProven).toBe(true);
  });

  it('that says legacy grows old after a day, however often it was proven; modern does not', async () => {
    verdict.learn('legacy');
    now = 24 * HOUR;
    verdict.learn('legacy');
    expect(verdict.known).toBe('legacy');
    now += 1;
    expect(verdict.known).toBeUndefined();
    expect(await verdict.find(probe('modern'))).toBe('modern');
    now += 1_000 * HOUR;
    expect(verdict.known).toBe('modern');
  });

  it('is doubted once a minute at most', async () => {
    verdict.learn('modern');
    expect(verdict.doubt()).toBe(true);
    expect(verdict.known).toBeUndefined();
    verdict.learn('modern');
    now = 59_999;
    expect(verdict.doubt()).toBe(false);
    expect(verdict.known).toBe('modern');
    now = 60_000;
    expect(verdict.doubt()).toBe(true);
  });

  it('does not take the word of a probe that began before it was forgotten', async () => {
    let answer: ((era: Era) => void) | undefined;
    const old = verdict.find(() => new Promise((resolve) => (answer = resolve)));
    verdict.forget();
    const found = verdict.find(probe('modern'));
    answer?.('legacy');
    expect(await Promise.all([old, found])).toEqual(['legacy', 'modern']);
    expect(verdict.known).toBe('modern');
  });
});
