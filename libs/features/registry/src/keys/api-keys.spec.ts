import { createHmac } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { registryChanged, registryCreateKey, registryListKeys, registryRevokeKey, type GatewayConfig, type KeyId } from '@mcpgw/contracts';
import { testDatabase, until, type TestDatabase } from '@mcpgw/testing';
import { acme, faultOf, startRegistry, type TestRegistry } from '../fixtures/registry-fixture.js';

let database: TestDatabase;
let registry: TestRegistry;
const dataDir = mkdtempSync(path.join(tmpdir(), 'mcpgw-registry-'));
const { organization, name: consumer } = acme().consumers[0] as GatewayConfig['consumers'][number];
const create = (expiresInSeconds?: number) => registry.bus.request(registryCreateKey, { actor: 'spec', organization, consumer, ...(expiresInSeconds && { expiresInSeconds }) });

beforeAll(async () => {
  database = await testDatabase();
  registry = await startRegistry(database.url, { dataDir });
  await registry.apply(acme());
}, 60_000);
afterAll(async () => {
  await registry.close();
  await database.close();
  rmSync(dataDir, { recursive: true, force: true });
});

describe('API keys', () => {
  test('are shown once and known afterwards by a hash under the pepper', async () => {
    const { id, key } = await create();
    expect(key).toMatch(/^mcpgw_[A-Za-z0-9]{12}_[A-Za-z0-9]{43}$/);
    expect(id).toBe(`key_${key.split('_')[1]}`);
    const pepper = Buffer.from(readFileSync(path.join(dataDir, 'keys/api-key-pepper'), 'utf8').trim(), 'base64url');
    const view = (await registry.organization('acme')).keys.find((candidate) => candidate.id === id);
    expect(view).toMatchObject({ consumer, hash: createHmac('sha256', pepper).update(key).digest('base64url'), expiresAt: null });
    expect(JSON.stringify(await registry.bus.request(registryListKeys, {}))).not.toContain(key);
  });

  test('stop being in the snapshot when they are revoked, and everybody is told', async () => {
    const { id } = await create();
    const before = (await registry.organization('acme')).revision;
    const heard: number[] = [];
    const subscription = registry.bus.subscribe(registryChanged, ({ revision }) => void heard.push(revision));
    const revoked = await registry.bus.request(registryRevokeKey, { actor: 'spec', id });
    expect(revoked.revokedAt).not.toBeNull();
    await until('the hint', () => heard.some((revision) => revision > before));
    await subscription.close();
    expect((await registry.organization('acme')).keys.map((key) => key.id)).not.toContain(id);
    const { revision } = await registry.organization('acme');
    expect(await registry.bus.request(registryRevokeKey, { actor: 'spec', id })).toEqual(revoked);
    expect((await registry.organization('acme')).revision).toBe(revision);
  });

  test('are left out of the snapshot once expired', async () => {
    const { id, expiresAt } = await create(1);
    expect(Date.parse(expiresAt ?? '')).toBeGreaterThan(Date.now());
    expect((await registry.organization('acme')).keys.map((key) => key.id)).toContain(id);
    await until('expiry', async () => !(await registry.organization('acme')).keys.some((key) => key.id === id));
    expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(expiresAt ?? ''));
  });

  test('of a disabled consumer are left out and come back with it; new ones are refused', async () => {
    const { id } = await create();
    await registry.apply(acme({ consumers: [{ organization, name: consumer, disabled: true }] }));
    expect((await registry.organization('acme')).keys).toEqual([]);
    expect(await faultOf(create())).toMatchObject({ code: 'conflict' });
    await registry.apply(acme());
    expect((await registry.organization('acme')).keys.map((key) => key.id)).toContain(id);
  });

  test('of nobody can not be made, and the answer names who was meant', async () => {
    const fault = await faultOf(registry.bus.request(registryCreateKey, { actor: 'spec', organization, consumer: 'agnet' as typeof consumer }));
    expect(fault).toMatchObject({ code: 'not_found' });
    expect(fault.message).toContain('Did you mean "agent"?');
  });

  test('that do not exist can not be revoked', async () => {
    expect(await faultOf(registry.bus.request(registryRevokeKey, { actor: 'spec', id: 'key_000000000000' as KeyId }))).toMatchObject({ code: 'not_found' });
  });

  test('are at most 100 for one consumer', async () => {
    const { keys } = await registry.bus.request(registryListKeys, { consumer });
    const live = keys.filter((key) => key.revokedAt === null && (key.expiresAt === null || Date.parse(key.expiresAt) > Date.now())).length;
    for (let index = live; index < 100; index += 1) await create();
    const fault = await faultOf(create());
    expect(fault).toMatchObject({ code: 'conflict' });
    expect(fault.message).toContain('Revoke one first');
  });
});
