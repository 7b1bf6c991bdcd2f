import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compare, faults, tally } from './compare.mjs';

const checks = (statuses) => Object.fromEntries(Object.entries(statuses).map(([id, status]) => [id, { status }]));
const missesOf = (rows) => rows.flatMap((row) => row.misses.map((miss) => `${row.scenario}:${miss.check}`));

test('what succeeds directly is owed: a failed, skipped or absent check is a miss', () => {
  const direct = { scenario: checks({ kept: 'SUCCESS', failed: 'SUCCESS', skipped: 'SUCCESS', absent: 'SUCCESS' }) };
  const through = { scenario: checks({ kept: 'SUCCESS', failed: 'FAILURE', skipped: 'SKIPPED' }) };
  assert.deepEqual(missesOf(compare(direct, through)), ['scenario:failed', 'scenario:skipped', 'scenario:absent']);
});

test('a warning instead of a success is a miss', () => {
  assert.deepEqual(missesOf(compare({ scenario: checks({ a: 'SUCCESS' }) }, { scenario: checks({ a: 'WARNING' }) })), ['scenario:a']);
});

test('what fails directly too is not owed', () => {
  assert.deepEqual(missesOf(compare({ scenario: checks({ a: 'FAILURE', b: 'SUCCESS' }) }, { scenario: checks({ a: 'FAILURE', b: 'SUCCESS' }) })), []);
});

test('a failure that only the gateway has is a miss, also of a check that the direct run did not make', () => {
  assert.deepEqual(missesOf(compare({ scenario: checks({ a: 'SKIPPED' }) }, { scenario: checks({ a: 'FAILURE', b: 'FAILURE' }) })), ['scenario:a', 'scenario:b']);
});

test('a scenario that did not run is a miss', () => {
  assert.deepEqual(missesOf(compare({ scenario: checks({ a: 'SUCCESS' }) }, {})), ['scenario:a']);
});

test('an excuse covers its check alone, or its whole scenario', () => {
  const [direct, through] = [{ scenario: checks({ a: 'SUCCESS', b: 'SUCCESS' }) }, { scenario: checks({ a: 'FAILURE', b: 'FAILURE' }) }];
  assert.deepEqual(missesOf(compare(direct, through, { 'scenario:a': 'why' })), ['scenario:b']);
  assert.deepEqual(missesOf(compare(direct, through, { scenario: 'why' })), []);
});

test('an excuse that nothing needs is a miss', () => {
  const passing = { scenario: checks({ a: 'SUCCESS' }) };
  assert.deepEqual(missesOf(compare(passing, passing, { 'scenario:a': 'why' })), ['scenario:a:baseline']);
});

test('the fixture itself is faulty when a check fails or warns', () => {
  assert.deepEqual(faults({ scenario: checks({ a: 'SUCCESS', b: 'SKIPPED', c: 'WARNING', d: 'INFO' }) }).map((fault) => fault.check), ['c']);
  assert.equal(tally(checks({ a: 'SUCCESS', b: 'SKIPPED', c: 'WARNING', d: 'INFO' })), '1/2');
});
