import { describe, expect, it } from '@jest/globals';
import { MeterTable, type Charge } from './meter-table.js';

const START = 1_700_000_000_000;
const charge = (key: string, burst: number, periodMs = 60_000): Charge => ({ key, rate: { calls: burst, periodMs, burst } });

describe('MeterTable', () => {
  it('counts each key by itself', () => {
    const table = new MeterTable();
    expect(table.spend([charge('a', 1)], START).allowed).toBe(true);
    expect(table.spend([charge('a', 1)], START).allowed).toBe(false);
    expect(table.spend([charge('b', 1)], START).allowed).toBe(true);
  });

  it('spends all charges or none, and names the one that refuses', () => {
    const table = new MeterTable();
    const narrow = charge('narrow', 1);
    expect(table.spend([narrow, charge('wide', 2)], START).allowed).toBe(true);
    expect(table.spend([narrow, charge('wide', 2)], START)).toMatchObject({ allowed: false, cause: 'spent', charge: { key: 'narrow' } });
    expect(table.spend([charge('wide', 2)], START).allowed).toBe(true);
    expect(table.spend([charge('wide', 2)], START).allowed).toBe(false);
  });

  it('shows the tightest of several limits', () => {
    expect(new MeterTable().spend([charge('a', 9), charge('b', 4), charge('c', 6)], START)).toMatchObject({ charge: { key: 'b' }, tightest: { remaining: 3 } });
  });

  it('admits a call that no limit speaks of', () => {
    expect(new MeterTable(1).spend([], START)).toEqual({ allowed: true, tightest: undefined, charge: undefined });
  });

  it('forgets idle keys at the bound, and refuses new keys when none is idle', () => {
    const table = new MeterTable(2);
    table.spend([charge('short', 1, 1_000)], START);
    table.spend([charge('long', 1, 3_600_000)], START);
    expect(table.spend([charge('new', 1)], START)).toMatchObject({ allowed: false, cause: 'table-full' });
    expect(table.spend([charge('long', 1, 3_600_000)], START)).toMatchObject({ allowed: false, cause: 'spent' });
    expect(table.spend([charge('new', 1)], START + 1_000).allowed).toBe(true);
    expect(table.size).toBe(2);
  });

  it('stays within its bound under a flood of new keys', () => {
    const table = new MeterTable(100);
    for (let i = 0; i < 10_000; i++) table.spend([charge(`flood-${i}`, 1)], START);
    expect(table.size).toBe(100);
  });
});
