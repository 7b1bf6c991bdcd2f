import { afterEach, describe, expect, it } from '@jest/globals';
import { until } from '../edge.fixture.js';
import type { Flow } from './flow.js';
import { FlowTable } from './flow-table.js';

/** As much of a flow as the table sees. */
class FakeFlow {
  isAttended = false;
  arrival: unknown;
  cancelled = false;

  constructor(
    readonly id: string,
    readonly subject: string,
  ) {}

  readonly trip = { admitted: { subject: '' } };

  cancel(): void {
    this.cancelled = true;
  }

  get flow(): Flow {
    this.trip.admitted.subject = this.subject;
    return this as unknown as Flow;
  }
}

describe('the table of calls that wait for their clients', () => {
  let table: FlowTable;
  afterEach(() => table.clear());

  function wait(id: string, subject = 'a', change: Partial<FakeFlow> = {}): FakeFlow {
    const made = Object.assign(new FakeFlow(id, subject), change);
    table.wait(made.flow, Date.now());
    return made;
  }

  it('cancels the oldest of a subject that has too many, and nobody else’s', () => {
    table = new FlowTable({ max: 10, maxOfSubject: 2 });
    const other = wait('other', 'b');
    const [one, two, three] = [wait('1'), wait('2'), wait('3')];
    expect([other, one, two, three].map(({ cancelled }) => cancelled)).toEqual([false, true, false, false]);
    expect([table.size, table.get('1')]).toEqual([3, undefined]);
  });

  it('cancels the oldest of all at the bound of all', () => {
    table = new FlowTable({ max: 2, maxOfSubject: 2 });
    const [one, two] = [wait('1', 'a'), wait('2', 'b')];
    wait('3', 'c');
    expect([one.cancelled, two.cancelled, table.size]).toEqual([true, false, 2]);
  });

  it('gives up ends that nobody heard first, then calls that wait, and last those that a client waits for', () => {
    table = new FlowTable({ max: 3, maxOfSubject: 3 });
    const attended = wait('1', 'a', { isAttended: true });
    const waiting = wait('2');
    const ended = wait('3', 'a', { arrival: {} });
    wait('4');
    expect([table.get('3'), ended.cancelled]).toEqual([undefined, false]);
    wait('5');
    expect([attended.cancelled, waiting.cancelled]).toEqual([false, true]);
  });

  it('cancels a call whose client does not come back, and not one whose client did', async () => {
    table = new FlowTable({ max: 10, maxOfSubject: 10, suspendedMs: 20 });
    const back = wait('1');
    table.busy(back.flow);
    const gone = wait('2');
    await until(() => gone.cancelled);
    expect([back.cancelled, table.get('2')]).toEqual([false, undefined]);
  });
});
