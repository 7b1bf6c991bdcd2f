import { describe, expect, it } from '@jest/globals';
import { afterFailure, NO_FAILURES, permitStart, type RestartState } from './restart.js';

/** Fails and waits as long as it is told, again and again; the pauses in milliseconds. */
function pausesAfter(failures: number): readonly number[] {
  let state: RestartState = NO_FAILURES;
  let now = 1_000_000;
  return Array.from({ length: failures }, () => {
    state = afterFailure(state, now);
    const permit = permitStart(state, now);
    const pause = permit.kind === 'wait' ? permit.ms : 0;
    now += pause;
    expect(permitStart(state, now)).toEqual({ kind: 'start' });
    return pause;
  });
}

describe('restarts', () => {
  it('a server that never failed starts at once', () => {
    expect(permitStart(NO_FAILURES, 0)).toEqual({ kind: 'start' });
  });

  it('pauses double from 200 ms; the fifth failure in five minutes opens the circuit for 30 s', () => {
    expect(pausesAfter(7)).toEqual([200, 400, 800, 1_600, 30_000, 30_000, 30_000]);
  });

  it('says whether the circuit is open', () => {
    const four = [0, 1, 2, 3].reduce(afterFailure, NO_FAILURES);
    expect(permitStart(four, 3)).toMatchObject({ isOpen: false });
    expect(permitStart(afterFailure(four, 4), 4)).toMatchObject({ isOpen: true, ms: 30_000 });
  });

  it('failures far apart never open it, and the pause is 30 s at most', () => {
    const rare = Array.from({ length: 20 }, (_, n) => n * 400_000).reduce(afterFailure, NO_FAILURES);
    expect(permitStart(rare, 19 * 400_000)).toEqual({ kind: 'wait', ms: 30_000, isOpen: false });
  });
});
