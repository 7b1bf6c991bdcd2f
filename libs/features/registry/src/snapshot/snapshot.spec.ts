import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { gatewayConfig, registryDelete, registryPut, registryServer, registrySnapshot, type GatewayConfig } from '@mcpgw/contracts';
import { testDatabase, type TestDatabase } from '@mcpgw/testing';
import { acme, faultOf, startRegistry, type TestRegistry } from '../fixtures/registry-fixture.js';

let database: TestDatabase;
let registry: TestRegistry;
const snapshot = (known: Record<string, number> = {}) => registry.bus.request(registrySnapshot, { known });
const organizationsNamed = (count: number, extra: Partial<Record<keyof GatewayConfig, unknown>> = {}) =>
  gatewayConfig.parse({ organizations: Array.from({ length: count }, (_, index) => ({ name: `org-${index}` })), ...extra });

beforeAll(async () => {
  database = await testDatabase();
  registry = await startRegistry(database.url);
}, 60_000);
afterAll(async () => {
  await registry.close();
  await database.close();
});

/** Asks until there is no more, as an edge does. */
async function pull(): Promise<{ pulls: number; revisions: Record<string, number>; largestBytes: number }> {
  const revisions: Record<string, number> = {};
  let largestBytes = 0;
  for (let pulls = 1; ; pulls += 1) {
    const reply = await snapshot(revisions);
    largestBytes = Math.max(largestBytes, Buffer.byteLength(JSON.stringify(reply)));
    for (const view of reply.changed) revisions[view.organization.name] = view.revision;
    if (!reply.more) return { pulls, revisions, largestBytes };
  }
}

describe('snapshot', () => {
  test('sends what is at another revision, names what is gone, and nothing else', async () => {
    await registry.apply(acme());
    await registry.apply(gatewayConfig.parse({ organizations: [{ name: 'globex' }] }));
    const { revisions } = await pull();
    expect(Object.keys(revisions).sort()).toEqual(['acme', 'globex']);
    expect(await snapshot(revisions)).toEqual({ changed: [], removed: [], more: false });
    const role = acme().roles[0] as GatewayConfig['roles'][number];
    await registry.bus.request(registryPut, { actor: 'spec', kind: 'roles', value: { ...role, rules: [] } });
    const after = await snapshot({ ...revisions, initech: 3 });
    expect(after.changed.map((view) => view.organization.name)).toEqual(['acme']);
    expect(after.removed).toEqual(['initech']);
    expect(after.changed[0]?.roles).toEqual([{ ...role, rules: [] }]);
    expect(after.changed[0]?.revision).toBeGreaterThan(revisions['acme'] as number);
  });

  test('an organization that was deleted and made anew is at a revision it never had', async () => {
    await registry.apply(acme());
    const before = (await registry.organization('acme')).revision;
    await registry.bus.request(registryDelete, { actor: 'spec', kind: 'organizations', organization: acme().organizations[0]!.name, name: 'acme' });
    expect((await snapshot({ acme: before })).removed).toEqual(['acme']);
    await registry.apply(acme());
    expect((await registry.organization('acme')).revision).toBeGreaterThan(before);
  });

  test('keeps replies within 4 MiB and still ends', async () => {
    const description = 'x'.repeat(1_000);
    const organizations = organizationsNamed(12, {
      consumers: Array.from({ length: 12_000 }, (_, index) => ({ organization: `org-${index % 12}`, name: `consumer-${index}`, description })),
    });
    await registry.apply(organizations);
    const { pulls, revisions, largestBytes } = await pull();
    expect(pulls).toBeGreaterThan(2);
    expect(largestBytes).toBeLessThan(4.01 * 1_048_576);
    expect(Object.keys(revisions).filter((name) => name.startsWith('org-'))).toHaveLength(12);
  }, 30_000);

  test('sends one organization at least, even one that is too large', async () => {
    const description = 'x'.repeat(1_000);
    await registry.apply(organizationsNamed(1, { consumers: Array.from({ length: 5_000 }, (_, index) => ({ organization: 'org-0', name: `consumer-${index}`, description })) }));
    const { changed, more } = await snapshot();
    expect(changed.length).toBeGreaterThan(0);
    expect(more).toBe(true);
    expect(Object.keys((await pull()).revisions)).toContain('org-0');
  }, 30_000);
});

describe('one server', () => {
  test('that is not there is not found, with the name that was meant', async () => {
    await registry.apply(acme());
    const [files] = acme().servers;
    expect((await registry.bus.request(registryServer, { organization: files!.organization, server: files!.name })).config).toEqual(files);
    const fault = await faultOf(registry.bus.request(registryServer, { organization: files!.organization, server: 'flies' as (typeof files & object)['name'] }));
    expect(fault).toMatchObject({ code: 'not_found', message: 'There is no server "flies" in the organization "acme". Did you mean "files"?' });
  });
});
