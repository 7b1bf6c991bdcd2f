import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { registryAuthenticateOperator, registryBootstrap } from '@mcpgw/contracts';
import { testDatabase, type TestDatabase } from '@mcpgw/testing';
import { faultOf, startRegistry, type TestRegistry } from '../fixtures/registry-fixture.js';

let database: TestDatabase;
let registry: TestRegistry;

beforeAll(async () => {
  database = await testDatabase();
  registry = await startRegistry(database.url);
}, 60_000);
afterAll(async () => {
  await registry.close();
  await database.close();
});

test('the first operator token is made once, whoever asks at the same time, and is recognised', async () => {
  const replies = await Promise.all([1, 2, 3, 4].map(() => registry.bus.request(registryBootstrap, {})));
  const tokens = replies.flatMap(({ adminToken }) => (adminToken === null ? [] : [adminToken]));
  expect(tokens).toHaveLength(1);
  expect(tokens[0]).toMatch(/^mcpgw_admin_[A-Za-z0-9]{43}$/);
  expect(await registry.bus.request(registryAuthenticateOperator, { token: tokens[0] as string })).toEqual({ operator: 'admin' });
  expect(await registry.bus.request(registryBootstrap, {})).toEqual({ adminToken: null });
});

test('any other token is unauthenticated', async () => {
  expect(await faultOf(registry.bus.request(registryAuthenticateOperator, { token: `mcpgw_admin_${'0'.repeat(43)}` }))).toMatchObject({ code: 'unauthenticated' });
  expect(await faultOf(registry.bus.request(registryAuthenticateOperator, { token: '' }))).toMatchObject({ code: 'unauthenticated' });
});
