import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { isIdle, spend, type Meter, type Rate } from './gcra.js';

const START = 1_700_000_000_000;
const rates = fc.record({ calls: fc.integer({ min: 1, max: 1_000_000 }), periodMs: fc.constantFrom(1_000, 60_000, 3_600_000, 86_400_000), burst: fc.integer({ min: 1, max: 40 }) });
const gapsMs = fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 50 }), fc.integer({ min: 0, max: 100_000 })), { minLength: 1, maxLength: 200 });

/** Times at which calls were admitted. */
function admitted(rate: Rate, times: readonly number[]): number[] {
  let meter: Meter | undefined;
  return times.filter((time) => {
    const outcome = spend(meter, rate, time);
    meter = outcome.meter;
    return outcome.allowed;
  });
}

function timesOf(gaps: readonly number[]): number[] {
  let now = START;
  return gaps.map((gap) => (now += gap));
}

describe('spend', () => {
  it('admits the burst at once, then one call each interval', () => {
    const rate: Rate = { calls: 2, periodMs: 1_000, burst: 3 };
    const times = [0, 0, 0, 0, 499, 500, 500, 999, 1_000].map((offset) => START + offset);
    expect(admitted(rate, times).map((time) => time - START)).toEqual([0, 0, 0, 500, 1_000]);
  });

  it('tells how many calls are left and when the burst is whole again', () => {
    const first = spend(undefined, { calls: 10, periodMs: 1_000, burst: 5 }, START);
    expect(first).toMatchObject({ allowed: true, remaining: 4, retryAfterMs: 0, resetMs: 100 });
  });

  it('never admits more than the burst and the rate over any window', () => {
    fc.assert(
      fc.property(rates, gapsMs, (rate, gaps) => {
        const times = admitted(rate, timesOf(gaps));
        times.forEach((from, i) => {
          times.slice(i).forEach((to, offset) => {
            // Compared without division: exact integers.
            expect((offset + 1) * rate.periodMs).toBeLessThanOrEqual(rate.burst * rate.periodMs + (to - from) * rate.calls);
          });
        });
      }),
      { numRuns: 100 },
    );
  });

  it('says the exact wait: refused one millisecond before it, admitted after it', () => {
    fc.assert(
      fc.property(rates, gapsMs, (rate, gaps) => {
        let meter: Meter | undefined;
        for (const time of timesOf(gaps)) {
          const outcome = spend(meter, rate, time);
          if (!outcome.allowed) {
            expect(outcome.retryAfterMs).toBeGreaterThan(0);
            expect(spend(meter, rate, time + outcome.retryAfterMs).allowed).toBe(true);
            expect(spend(meter, rate, time + outcome.retryAfterMs - 1).allowed).toBe(false);
          }
          meter = outcome.meter;
        }
      }),
    );
  });

  it('takes nothing for a refused call', () => {
    const rate: Rate = { calls: 1, periodMs: 1_000, burst: 1 };
    const spent = spend(undefined, rate, START).meter;
    let meter = spent;
    for (let i = 0; i < 100; i++) meter = spend(meter, rate, START + 10).meter;
    expect(spend(meter, rate, START + 1_000).allowed).toBe(true);
  });

  it('neither forgives nor forgets when the clock goes back', () => {
    const rate: Rate = { calls: 1, periodMs: 1_000, burst: 1 };
    const { meter } = spend(undefined, rate, START);
    const earlier = spend(meter, rate, START - 5_000);
    expect(earlier).toMatchObject({ allowed: false, retryAfterMs: 6_000 });
    expect(spend(earlier.meter, rate, START + 999).allowed).toBe(false);
    expect(spend(earlier.meter, rate, START + 1_000).allowed).toBe(true);
  });

  it('calls a key idle exactly when forgetting it would change nothing', () => {
    const rate: Rate = { calls: 3, periodMs: 1_000, burst: 3 };
    const { meter, resetMs } = spend(undefined, rate, START);
    expect(isIdle(meter, rate, START + resetMs - 1)).toBe(false);
    expect(isIdle(meter, rate, START + resetMs)).toBe(true);
  });
});
