import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { registryDelete, registryDeleteSecret, registryListSecrets, registryPutSecret, registryServer, registryStatus, type GatewayConfig, type SecretName } from '@mcpgw/contracts';
import { MemoryBus } from '@mcpgw/platform-bus';
import { SecretBox } from '@mcpgw/platform-runtime';
import { testDatabase, until, type TestDatabase } from '@mcpgw/testing';
import pg from 'pg';
import { acme, FakeUpstreams, faultOf, startRegistry, type TestRegistry } from '../fixtures/registry-fixture.js';

let database: TestDatabase;
let registry: TestRegistry;
let upstreams: FakeUpstreams;
const box = new SecretBox(randomBytes(32));
const { organization, name: server } = acme().servers[1] as GatewayConfig['servers'][number];
const name = 'crm/token' as SecretName;
const config = acme({
  servers: [
    { organization: 'acme', name: 'files', stdio: { command: 'node' } },
    { organization: 'acme', name: 'crm', http: { url: 'https://crm.example.com/mcp', headers: { Authorization: 'Bearer secret://crm/token' } } },
  ],
});
const put = (value: string) => registry.bus.request(registryPutSecret, { actor: 'spec', organization, name, sealed: box.seal('acme', name, value) });
const state = async (wanted: string) => until(`crm ${wanted}`, async () => (await registry.server('acme', 'crm')).health.state === wanted);

beforeAll(async () => {
  database = await testDatabase();
  const bus = new MemoryBus((error) => console.error(error));
  upstreams = new FakeUpstreams(bus);
  registry = await startRegistry(database.url, { bus });
  await registry.apply(config);
}, 60_000);
afterAll(async () => {
  await registry.close();
  await upstreams.close();
  await database.close();
});

describe('secrets', () => {
  test('that are referenced and not set show as the health of the server, which nobody is asked to start', async () => {
    await state('failed');
    expect((await registry.server('acme', 'crm')).health.problem).toContain('mcpgw secret set crm/token --organization acme');
    expect(upstreams.timesAsked('acme/crm')).toBe(0);
    const status = await registry.bus.request(registryStatus, {});
    expect(status.problems.find((problem) => problem.component === 'server acme/crm')?.message).toContain('"crm/token"');
  });

  test('make the server that needs them work as soon as they are set', async () => {
    expect(await put('first')).toEqual({ version: 1 });
    await state('ready');
    const { secrets } = await registry.bus.request(registryServer, { organization, server });
    expect(secrets.map((secret) => [secret.name, secret.version, box.open('acme', secret.name, secret.sealed)])).toEqual([['crm/token', 1, 'first']]);
    expect((await registry.bus.request(registryServer, { organization, server: config.servers[0]!.name })).secrets).toEqual([]);
    expect((await registry.organization('acme')).secrets).toHaveLength(1);
  });

  test('in a new version give the server that uses them a new revision, and no other', async () => {
    const [crm, files] = [await registry.server('acme', 'crm'), await registry.server('acme', 'files')];
    expect(await put('second')).toEqual({ version: 2 });
    expect((await registry.server('acme', 'crm')).revision).toBeGreaterThan(crm.revision);
    expect((await registry.server('acme', 'files')).revision).toBe(files.revision);
  });

  test('never use a version twice, not even after they or their organization were deleted', async () => {
    expect(await registry.bus.request(registryDeleteSecret, { actor: 'spec', organization, name })).toEqual({ deleted: true });
    expect(await registry.bus.request(registryDeleteSecret, { actor: 'spec', organization, name })).toEqual({ deleted: false });
    expect((await registry.bus.request(registryListSecrets, { organization })).secrets).toEqual([]);
    expect(await put('third')).toEqual({ version: 3 });
    await registry.bus.request(registryDelete, { actor: 'spec', kind: 'organizations', organization, name: 'acme' });
    await registry.apply(config);
    expect((await registry.organization('acme')).secrets).toEqual([]);
    expect(await put('fourth')).toEqual({ version: 4 });
  });

  test('leave no value in the change log, and none of its lines can be edited', async () => {
    const client = new pg.Client({ connectionString: database.url, options: '-c role=mcpgw_registry' });
    await client.connect();
    try {
      const { rows } = await client.query<{ actor: string; action: string; reference: string }>("SELECT actor, action, reference FROM registry.changes WHERE reference LIKE 'secrets/%' ORDER BY id");
      expect(rows.map((row) => `${row.actor} ${row.action} ${row.reference}`)).toEqual(['created', 'updated', 'deleted', 'updated', 'updated'].map((action) => `spec ${action} secrets/acme/crm/token`));
      await expect(client.query("UPDATE registry.changes SET actor = 'somebody else'")).rejects.toThrow(/permission denied/);
      await expect(client.query('DELETE FROM registry.changes')).rejects.toThrow(/permission denied/);
    } finally {
      await client.end();
    }
  });

  test('of an organization that is not there are refused', async () => {
    const fault = await faultOf(registry.bus.request(registryPutSecret, { actor: 'spec', organization: 'acne' as typeof organization, name, sealed: box.seal('acne', name, 'x') }));
    expect(fault).toMatchObject({ code: 'not_found' });
  });
});
