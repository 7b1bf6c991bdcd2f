import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { gatewayConfig, registryChanged, registryCreateKey, registryDelete, registryExport, registryListKeys, registryPut, registryRefreshServer, type GatewayConfig } from '@mcpgw/contracts';
import { MemoryBus } from '@mcpgw/platform-bus';
import { testDatabase, until, type TestDatabase } from '@mcpgw/testing';
import fc from 'fast-check';
import { acme, definitionOf, FakeUpstreams, faultOf, startRegistry, type TestRegistry } from '../fixtures/registry-fixture.js';

let database: TestDatabase;
let registry: TestRegistry;
let upstreams: FakeUpstreams;
const unchanged = (count: number) => ({ created: [], updated: [], deleted: [], unchanged: count });
const organization = 'acme' as GatewayConfig['organizations'][number]['name'];

beforeAll(async () => {
  database = await testDatabase();
  const bus = new MemoryBus((error) => console.error(error));
  upstreams = new FakeUpstreams(bus);
  registry = await startRegistry(database.url, { bus });
  await until('the registry is ready', () => registry.health.ready());
}, 60_000);
afterAll(async () => {
  await registry.close();
  await upstreams.close();
  await database.close();
});
beforeEach(async () => {
  const { organizations } = await registry.bus.request(registryExport, {});
  for (const { name } of organizations) await registry.bus.request(registryDelete, { actor: 'spec', kind: 'organizations', organization: name, name });
});

const ready = (...servers: string[]) => until(`${servers.join()} ready`, async () => (await Promise.all(servers.map((name) => registry.server('acme', name)))).every((server) => server.health.state === 'ready'));

describe('apply', () => {
  test('creates what is declared, and a second time changes nothing', async () => {
    const first = await registry.apply(acme());
    expect(first.created).toHaveLength(7);
    const { revision } = await registry.organization('acme').then(async (view) => (await ready('files', 'crm'), registry.organization(view.organization.name)));
    expect(await registry.apply(acme())).toEqual(unchanged(7));
    expect((await registry.organization('acme')).revision).toBe(revision);
  });

  test('leaves every neighbour as it is: revision, health and definition', async () => {
    await registry.apply(acme());
    await ready('files', 'crm');
    const before = await registry.server('acme', 'crm');
    const asked = upstreams.timesAsked('acme/crm');
    const config = acme();
    config.servers[0]!.callTimeoutSeconds = 7;
    expect(await registry.apply(config)).toMatchObject({ updated: ['servers/acme/files'], unchanged: 6 });
    await ready('files');
    expect(await registry.server('acme', 'crm')).toEqual(before);
    expect(upstreams.timesAsked('acme/crm')).toBe(asked);
  });

  test('refuses a route without prefixes whose servers claim one name, and says which and whose', async () => {
    await registry.apply(acme());
    await ready('files', 'crm');
    const before = (await registry.organization('acme')).revision;
    const bare = (servers: ('files' | 'crm')[]) => acme({ routes: [{ organization: 'acme', name: 'main', servers, prefix: 'never' }] });
    const fault = await faultOf(registry.apply(bare(['files', 'crm'])));
    expect(fault).toMatchObject({ code: 'invalid_params', data: { findings: [{ path: 'routes[0].prefix', message: expect.stringMatching(/the tool "echo" \(crm and files\).*"when-needed"/) }] } });
    expect(await faultOf(registry.apply(bare(['crm', 'files'])))).toMatchObject({ data: fault.data });
    const put = registry.bus.request(registryPut, { actor: 'spec', kind: 'routes', value: bare(['files', 'crm']).routes[0]! });
    expect(await faultOf(put)).toMatchObject({ data: { findings: [{ path: 'routes/acme/main.prefix' }] } });
    expect((await registry.organization('acme')).revision).toBe(before);
    expect((await registry.apply(bare(['files']))).updated).toEqual(['routes/acme/main']);
  });

  test('lets a server that takes a name later keep nobody from applying the rest', async () => {
    upstreams.script('acme/files', async () => definitionOf('read'));
    await registry.apply(acme({ routes: [{ organization: 'acme', name: 'main', servers: ['files', 'crm'], prefix: 'never' }] }));
    await ready('files', 'crm');
    upstreams.script('acme/files', async () => definitionOf('echo'));
    await registry.bus.request(registryRefreshServer, { organization, server: 'files' as never });
    const config = acme({ routes: [{ organization: 'acme', name: 'main', servers: ['files', 'crm'], prefix: 'never' }] });
    config.consumers[0]!.description = 'another';
    expect((await registry.apply(config)).updated).toEqual(['consumers/acme/agent']);
  });

  test('asks a changed server again and keeps what was pinned until it answers, unless the program is another', async () => {
    await registry.apply(acme());
    await ready('files');
    const before = await registry.server('acme', 'files');
    let answer: () => void = () => {};
    const held = new Promise<void>((resolve) => (answer = resolve));
    upstreams.script('acme/files', async () => (await held, before.definition!));
    const config = acme();
    config.servers[0]!.stdio!.env = { LEVEL: '2' };
    await registry.apply(config);
    expect(await registry.server('acme', 'files')).toMatchObject({ health: { state: 'pending' }, definition: before.definition });
    config.servers[0]!.stdio!.command = 'python3';
    await registry.apply(config);
    const other = await registry.server('acme', 'files');
    expect(other.health.state).toBe('pending');
    expect(other.definition).toBeUndefined();
    expect(other.revision).toBeGreaterThan(before.revision);
    answer();
    await ready('files');
  });

  test('a dry run tells what would change and changes nothing', async () => {
    await registry.apply(acme());
    await ready('files', 'crm');
    const before = await registry.organization('acme');
    const config = acme({ limits: [], organizations: [{ name: 'acme', audit: { mode: 'regulated' } }, { name: 'globex' }] });
    expect(await registry.apply(config, true)).toEqual({ created: ['organizations/globex'], updated: ['organizations/acme'], deleted: ['limits/acme/gentle'], unchanged: 5 });
    expect(await registry.organization('acme')).toEqual(before);
  });

  test('refuses a faulty configuration with all findings and changes nothing', async () => {
    await registry.apply(acme());
    const fault = await faultOf(registry.apply(acme({ servers: [], organizations: [{ name: 'acme', audit: { mode: 'regulated' } }] })));
    expect(fault.code).toBe('invalid_params');
    expect(fault.data?.['findings']).toHaveLength(3);
    expect(fault.message).toContain('routes[0].servers[0]');
    expect(await registry.apply(acme())).toEqual(unchanged(7));
  });

  test('leaves organizations alone that the file does not name', async () => {
    await registry.apply(acme());
    const globex = gatewayConfig.parse({ organizations: [{ name: 'globex' }], roles: [{ organization: 'globex', name: 'reader', rules: [] }] });
    expect(await registry.apply(globex)).toMatchObject({ created: ['organizations/globex', 'roles/globex/reader'], deleted: [] });
    expect(await registry.apply(acme())).toEqual(unchanged(7));
  });

  test('a deleted consumer takes its keys along, also when it comes back', async () => {
    await registry.apply(acme());
    const { id } = await registry.bus.request(registryCreateKey, { actor: 'spec', organization, consumer: acme().consumers[0]!.name });
    await registry.apply(acme({ consumers: [] }));
    await registry.apply(acme());
    expect((await registry.organization('acme')).keys).toEqual([]);
    const { keys } = await registry.bus.request(registryListKeys, { organization });
    expect(keys.find((key) => key.id === id)?.revokedAt).not.toBeNull();
  });

  test('tells everybody about the organizations that changed, after the commit', async () => {
    const heard: { organization: string; seen: number; revision: number }[] = [];
    const subscription = registry.bus.subscribe(registryChanged, async ({ organization: name, revision }) => {
      heard.push({ organization: name, revision, seen: (await registry.organization(name)).revision });
    });
    await registry.apply(gatewayConfig.parse({ organizations: [{ name: 'acme' }, { name: 'globex' }] }));
    await until('both are told', () => heard.length === 2);
    await subscription.close();
    expect(heard.map((hint) => hint.organization).sort()).toEqual(['acme', 'globex']);
    for (const hint of heard) expect(hint.seen).toBe(hint.revision);
  });

  test('two at once end in one of the two, not in a mixture', async () => {
    const [left, right] = [acme({ limits: [] }), acme({ consumers: [] })];
    await registry.apply(acme());
    await Promise.all([registry.apply(left), registry.apply(right)]);
    const counts = await Promise.all([registry.apply(left, true), registry.apply(right, true)]);
    expect(counts.map((result) => result.unchanged).sort()).toEqual([5, 6]);
  });
});

describe('one object', () => {
  test('is added, replaced and deleted without touching the rest', async () => {
    await registry.apply(acme());
    const value = gatewayConfig.shape.roles.parse([{ organization: 'acme', name: 'writer', rules: [{ allow: 'files/*' }] }])[0]!;
    expect(await registry.bus.request(registryPut, { actor: 'spec', kind: 'roles', value })).toEqual({ ...unchanged(0), created: ['roles/acme/writer'] });
    expect(await registry.bus.request(registryPut, { actor: 'spec', kind: 'roles', value })).toEqual(unchanged(1));
    expect(await registry.bus.request(registryPut, { actor: 'spec', kind: 'roles', value: { ...value, rules: [] } })).toEqual({ ...unchanged(0), updated: ['roles/acme/writer'] });
    expect(await registry.bus.request(registryDelete, { actor: 'spec', kind: 'roles', organization, name: 'writer' })).toEqual({ ...unchanged(0), deleted: ['roles/acme/writer'] });
    expect(await registry.apply(acme())).toEqual(unchanged(7));
  });

  test('is not deleted while another refers to it', async () => {
    await registry.apply(acme());
    const fault = await faultOf(registry.bus.request(registryDelete, { actor: 'spec', kind: 'servers', organization, name: 'crm' }));
    expect(fault).toMatchObject({ code: 'invalid_params', data: { findings: [{ path: 'routes/acme/main.servers[1]' }] } });
  });

  test('that is not there can not be deleted, and the answer names the one that was meant', async () => {
    await registry.apply(acme());
    const fault = await faultOf(registry.bus.request(registryDelete, { actor: 'spec', kind: 'limits', organization, name: 'gentel' }));
    expect(fault).toMatchObject({ code: 'not_found', message: 'There is no limit "gentel" in the organization "acme". Did you mean "gentle"?' });
    const nowhere = await faultOf(registry.bus.request(registryDelete, { actor: 'spec', kind: 'limits', organization: 'acne' as typeof organization, name: 'gentle' }));
    expect(nowhere.message).toContain('Did you mean "acme"?');
  });
});

describe('export', () => {
  test('of an organization that is not there says so', async () => {
    expect(await faultOf(registry.bus.request(registryExport, { organization }))).toMatchObject({ code: 'not_found' });
  });

  test('any sequence of configurations: apply is idempotent and export round-trips', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(configuration, { minLength: 1, maxLength: 4 }), async (sequence) => {
        for (const config of sequence) {
          await registry.apply(config);
          const count = Object.values(config).reduce((sum, list) => sum + list.length, 0);
          expect(await registry.apply(config)).toEqual(unchanged(count));
          const exported = await registry.bus.request(registryExport, {});
          const all = Object.values(exported).reduce((sum, list) => sum + list.length, 0);
          expect(await registry.apply(exported)).toEqual(unchanged(all));
          expect(await registry.bus.request(registryExport, {})).toEqual(exported);
        }
      }),
      { numRuns: 15 },
    );
  }, 60_000);
});

const names = ['a', 'b', 'c'] as const;
const text = fc.string({ maxLength: 20, unit: 'binary' });
const subsetOf = (list: readonly string[]) => fc.subarray([...list]);

/** Sound configurations of one or two organizations, references within what the same configuration declares. */
const configuration: fc.Arbitrary<GatewayConfig> = fc
  .record({ organizations: fc.subarray(['acme', 'globex'], { minLength: 1 }), servers: subsetOf(names), roles: subsetOf(names), consumers: subsetOf(names), text, number: fc.integer({ min: 1, max: 9 }), flag: fc.boolean() })
  .chain((base) => fc.record({ base: fc.constant(base), used: subsetOf(base.servers), held: subsetOf(base.roles) }))
  .map(({ base, used, held }) =>
    gatewayConfig.parse({
      organizations: base.organizations.map((name) => ({ name, audit: { mode: base.flag ? 'regulated' : 'standard' } })),
      servers: base.organizations.flatMap((owner) => base.servers.map((name) => ({ organization: owner, name, description: base.text, stdio: { command: 'node', args: [base.text], env: { A: base.text } } }))),
      routes: used.length === 0 ? [] : base.organizations.map((owner) => ({ organization: owner, name: 'main', servers: used })),
      roles: base.organizations.flatMap((owner) => base.roles.map((name) => ({ organization: owner, name, rules: [{ allow: 'a/*', when: { arguments: { x: base.number } } }] }))),
      consumers: base.organizations.flatMap((owner) => base.consumers.map((name) => ({ organization: owner, name, roles: held, attributes: { note: base.text, level: base.number }, disabled: base.flag }))),
      limits: base.flag ? [] : [{ organization: base.organizations[0], name: 'all', calls: base.number, per: 'day' }],
    }),
  );
