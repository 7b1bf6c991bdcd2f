import { describe, expect, test } from '@jest/globals';
import { acme } from '../fixtures/registry-fixture.js';
import { canonicalJson } from './canonical-json.js';
import { EMPTY, planChanges, resultOf } from './plan.js';

describe('planChanges', () => {
  test('creates everything from nothing', () => {
    const result = resultOf(planChanges(EMPTY, acme()));
    expect(result).toEqual({
      created: ['organizations/acme', 'servers/acme/files', 'servers/acme/crm', 'routes/acme/main', 'roles/acme/reader', 'consumers/acme/agent', 'limits/acme/gentle'],
      updated: [],
      deleted: [],
      unchanged: 0,
    });
  });

  test('says that nothing changes when only the order of objects and members does', () => {
    const reordered = { ...acme(), servers: acme().servers.map((server) => Object.fromEntries(Object.entries(server).reverse()) as typeof server).reverse() };
    expect(resultOf(planChanges(acme(), reordered))).toEqual({ created: [], updated: [], deleted: [], unchanged: 7 });
  });

  test('names the one object that differs', () => {
    const [files, crm] = acme().servers;
    const plan = planChanges(acme(), { ...acme(), servers: [{ ...files!, callTimeoutSeconds: 5 }, crm!] });
    expect(resultOf(plan)).toEqual({ created: [], updated: ['servers/acme/files'], deleted: [], unchanged: 6 });
    expect(plan.changes[0]).toMatchObject({ before: { callTimeoutSeconds: 30 }, after: { callTimeoutSeconds: 5 } });
  });

  test('deletes what is not wanted any more, all of an organization with it', () => {
    expect(resultOf(planChanges(acme(), EMPTY)).deleted).toHaveLength(7);
    expect(resultOf(planChanges(acme(), { ...acme(), limits: [] })).deleted).toEqual(['limits/acme/gentle']);
  });
});

describe('canonicalJson', () => {
  test('sorts members, keeps the order of arrays, leaves out undefined', () => {
    expect(canonicalJson({ b: [2, 1, { d: null, c: undefined }], a: 'ü\u0000' })).toBe('{"a":"ü\\u0000","b":[2,1,{"d":null}]}');
  });

  test('sorts by code unit and not by locale', () => {
    expect(canonicalJson({ a: 1, B: 2, '10': 3, '9': 4 })).toBe('{"10":3,"9":4,"B":2,"a":1}');
  });
});
