import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { gatewayConfig, GatewayError, registryRefreshServer, registryStatus, runnerStatus, upstreamChanged, type GatewayConfig, type OrganizationName, type ServerName } from '@mcpgw/contracts';
import { MemoryBus, type Bus } from '@mcpgw/platform-bus';
import { testDatabase, until, type TestDatabase } from '@mcpgw/testing';
import pg from 'pg';
import { definitionOf, FakeUpstreams, faultOf, startRegistry, type TestRegistry } from '../fixtures/registry-fixture.js';
import { backoffSeconds } from './backoff.js';

let database: TestDatabase;
let bus: Bus;
let upstreams: FakeUpstreams;
const running: TestRegistry[] = [];
const organization = 'acme' as OrganizationName;

// Keeps the server between the tests, each of which has a database of its own.
let keeper: TestDatabase;
beforeAll(async () => {
  keeper = await testDatabase();
}, 60_000);
afterAll(() => keeper.close());
beforeEach(async () => {
  database = await testDatabase();
  bus = new MemoryBus((error) => console.error(error));
  upstreams = new FakeUpstreams(bus);
}, 60_000);
afterEach(async () => {
  await Promise.all(running.splice(0).map((registry) => registry.close()));
  await upstreams.close();
  await database.close();
});

async function start(config: Parameters<typeof startRegistry>[1] = {}): Promise<TestRegistry> {
  const registry = await startRegistry(database.url, { bus, ...config });
  running.push(registry);
  return registry;
}

const stdio = (...names: string[]): GatewayConfig => gatewayConfig.parse({ organizations: [{ name: 'acme' }], servers: names.map((name) => ({ organization: 'acme', name, stdio: { command: 'node' } })) });
const state = (registry: TestRegistry, name: string, wanted: string) => until(`${name} ${wanted}`, async () => (await registry.server('acme', name)).health.state === wanted);

describe('discovery', () => {
  test('pins what a server offers, and asking again with the same answer changes no revision', async () => {
    const registry = await start();
    upstreams.script('acme/files', () => definitionOf('read', 'write'));
    await registry.apply(stdio('files'));
    await state(registry, 'files', 'ready');
    const before = await registry.organization('acme');
    expect(before.servers[0]?.definition?.tools.map((tool) => tool.name)).toEqual(['read', 'write']);
    upstreams.script('acme/files', () => Object.fromEntries(Object.entries(definitionOf('read', 'write')).reverse()) as ReturnType<typeof definitionOf>);
    await bus.request(registryRefreshServer, { organization, server: 'files' as ServerName });
    expect(upstreams.timesAsked('acme/files')).toBe(2);
    expect(await registry.organization('acme')).toEqual(before);
  });

  test('keeps the order in which a server lists the members of an input schema', async () => {
    const registry = await start();
    const tool = { name: 'send', inputSchema: { type: 'object' as const, properties: { to: {}, body: {}, a: {} }, $defs: {} }, zeta: 1, alpha: '\u0000' };
    upstreams.script('acme/mail', () => ({ ...definitionOf(), tools: [tool] }));
    await registry.apply(stdio('mail'));
    await state(registry, 'mail', 'ready');
    expect(JSON.stringify((await registry.server('acme', 'mail')).definition?.tools[0])).toBe(JSON.stringify(tool));
  });

  test('a server that fails or hangs is told apart from its neighbours, who are ready meanwhile', async () => {
    const registry = await start({ config: { discoveryTimeoutSeconds: 1, discoveryParallel: 2 } });
    upstreams.script('acme/broken', () => {
      throw new GatewayError('upstream_failed', 'The server "broken" exited with code 3. See its log.');
    });
    upstreams.script('acme/hanging', () => upstreams.hang());
    await registry.apply(stdio('broken', 'hanging', 'one', 'two', 'three', 'four'));
    for (const name of ['one', 'two', 'three', 'four']) await state(registry, name, 'ready');
    await state(registry, 'broken', 'failed');
    await state(registry, 'hanging', 'failed');
    expect((await registry.server('acme', 'broken')).health.problem).toBe('The server "broken" exited with code 3. See its log.');
    expect((await registry.server('acme', 'hanging')).health.problem).toContain('The server "hanging"');
    const status = await bus.request(registryStatus, {});
    expect(status.details['servers']).toEqual({ pending: 0, ready: 4, failed: 2 });
    expect(status.problems.map((problem) => problem.component)).toEqual(expect.arrayContaining(['server acme/broken', 'server acme/hanging']));
    expect(upstreams.mostAtOnce).toBe(2);
  }, 20_000);

  test('asks a failed server again by itself until it works', async () => {
    const registry = await start();
    upstreams.script('acme/files', (asked) => {
      if (asked < 3) throw new GatewayError('upstream_failed', 'not yet');
      return definitionOf('read');
    });
    await registry.apply(stdio('files'));
    await state(registry, 'files', 'failed');
    expect((await registry.server('acme', 'files')).health.problem).toContain('"files"');
    await state(registry, 'files', 'ready');
    expect(upstreams.timesAsked('acme/files')).toBe(3);
    expect((await registry.server('acme', 'files')).health.problem).toBeUndefined();
  }, 20_000);

  test('asks a ready server again after the configured time', async () => {
    const registry = await start({ config: { rediscoverSeconds: 1 } });
    upstreams.script('acme/files', (asked) => definitionOf(`tool_${asked}`));
    await registry.apply(stdio('files'));
    await state(registry, 'files', 'ready');
    const before = await registry.server('acme', 'files');
    await until('a new definition', async () => (await registry.server('acme', 'files')).revision > before.revision);
    expect((await registry.server('acme', 'files')).health).toEqual(before.health);
  });

  test('a flood of hints that lists changed leads to one question a second', async () => {
    const registry = await start();
    await registry.apply(stdio('files', 'other'));
    await state(registry, 'files', 'ready');
    await state(registry, 'other', 'ready');
    const from = performance.now();
    upstreams.script('acme/files', () => definitionOf('added'));
    for (let index = 0; index < 500; index += 1) bus.publish(upstreamChanged, { organization, server: 'files' as ServerName });
    await until('the new tool', async () => (await registry.server('acme', 'files')).definition?.tools[0]?.name === 'added');
    for (let index = 0; index < 500; index += 1) bus.publish(upstreamChanged, { organization, server: 'files' as ServerName });
    await until('asked once more', () => upstreams.timesAsked('acme/files') >= 3);
    expect(upstreams.timesAsked('acme/files')).toBeLessThanOrEqual(2 + (performance.now() - from) / 1_000);
    expect(upstreams.timesAsked('acme/other')).toBe(1);
  });

  test('a definition without end is refused, and what was pinned before stays', async () => {
    const registry = await start();
    await registry.apply(stdio('files'));
    await state(registry, 'files', 'ready');
    upstreams.script('acme/files', () => ({ ...definitionOf(), instructions: 'x'.repeat(1_100_000) }));
    const view = await bus.request(registryRefreshServer, { organization, server: 'files' as ServerName });
    expect(view.health).toMatchObject({ state: 'failed' });
    expect(view.health.problem).toContain('1048576 are the most');
    expect(view.definition).toEqual(definitionOf('echo'));
  });
});

describe('discovery with nobody to ask', () => {
  test('waits as pending, says for whom, and asks as soon as the runner is there', async () => {
    await upstreams.close();
    const registry = await start();
    await registry.apply(stdio('files'));
    await until('the status names what is awaited', async () => (await bus.request(registryStatus, {})).problems.some((problem) => problem.component === 'server acme/files' && problem.message.includes('runner.v1.discover')));
    expect((await registry.server('acme', 'files')).health.state).toBe('pending');
    upstreams = new FakeUpstreams(bus);
    await state(registry, 'files', 'ready');
    expect((await bus.request(registryStatus, {})).problems).toEqual([]);
  });

  test('a runner that is there and calls one server unavailable makes that one fail and holds up no other', async () => {
    const registry = await start();
    upstreams.script('acme/files', () => {
      throw new GatewayError('unavailable', 'The secret "x" can\'t be opened.');
    });
    await registry.apply(stdio('files', 'other'));
    await state(registry, 'files', 'failed');
    await state(registry, 'other', 'ready');
    await bus.request(runnerStatus, {});
  });
});

describe('several registries', () => {
  test('never ask a server at the same time, and share the work', async () => {
    const names = Array.from({ length: 30 }, (_, index) => `server-${index}`);
    const asking = new Map<string, number>();
    let together = 0;
    for (const name of names) {
      upstreams.script(`acme/${name}`, async () => {
        asking.set(name, (asking.get(name) ?? 0) + 1);
        together = Math.max(together, asking.get(name) ?? 0);
        await new Promise((resolve) => setTimeout(resolve, 30));
        asking.set(name, (asking.get(name) ?? 1) - 1);
        return definitionOf(name);
      });
    }
    const [first] = await Promise.all([start({ config: { discoveryParallel: 3 } }), start({ config: { discoveryParallel: 3 } })]);
    await first.apply(stdio(...names));
    await until('all ready', async () => (await first.organization('acme')).servers.every((server) => server.health.state === 'ready'));
    expect(together).toBe(1);
    expect(upstreams.mostAtOnce).toBeGreaterThan(3);
    expect([...upstreams.asked.values()].every((asked) => asked === 1)).toBe(true);
  }, 20_000);

  test('one that stops gives back what it was asking', async () => {
    const first = await start();
    upstreams.script('acme/files', (asked) => (asked === 1 ? upstreams.hang() : definitionOf('read')));
    await first.apply(stdio('files'));
    await until('asked', () => upstreams.timesAsked('acme/files') === 1);
    await Promise.all(running.splice(0).map((registry) => registry.close()));
    const second = await start();
    await state(second, 'files', 'ready');
  });
});

describe('an answer that comes too late', () => {
  test('is thrown away when the server was changed meanwhile, and the changed one is asked', async () => {
    const registry = await start();
    const old = Promise.withResolvers<ReturnType<typeof definitionOf>>();
    upstreams.script('acme/files', (asked) => (asked === 1 ? old.promise : definitionOf('new')));
    await registry.apply(stdio('files'));
    await until('asked', () => upstreams.timesAsked('acme/files') === 1);
    const changed = stdio('files');
    changed.servers[0]!.stdio!.args = ['--new'];
    await registry.apply(changed);
    old.resolve(definitionOf('old'));
    await state(registry, 'files', 'ready');
    expect((await registry.server('acme', 'files')).definition?.tools.map((tool) => tool.name)).toEqual(['new']);
  });

  test('harms nobody when the server was deleted meanwhile', async () => {
    const registry = await start();
    const late = Promise.withResolvers<ReturnType<typeof definitionOf>>();
    upstreams.script('acme/files', () => late.promise);
    await registry.apply(stdio('files'));
    await until('asked', () => upstreams.timesAsked('acme/files') === 1);
    await registry.apply(stdio('other'));
    late.resolve(definitionOf('late'));
    await state(registry, 'other', 'ready');
    expect((await registry.organization('acme')).servers.map((server) => server.config.name)).toEqual(['other']);
  });
});

test('what a killed registry was asking is asked again when its lease has run out, and not before', async () => {
  const registry = await start({ config: { rediscoverSeconds: 3_600 } });
  await registry.apply(stdio('files'));
  await state(registry, 'files', 'ready');
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  try {
    await client.query("UPDATE registry.servers SET claimed_by = 'killed', claimed_until = now() + interval '1 second', next_ask_at = NULL");
    await until('asked again', () => upstreams.timesAsked('acme/files') === 2);
    const { rows } = await client.query<{ late: boolean }>("SELECT now() >= since + interval '1 second' AS late FROM registry.servers");
    expect(rows).toEqual([{ late: true }]);
  } finally {
    await client.end();
  }
});

describe('refresh', () => {
  test('answers with the view after a new question, also when that failed', async () => {
    const registry = await start();
    await registry.apply(stdio('files'));
    await state(registry, 'files', 'ready');
    upstreams.script('acme/files', () => definitionOf('fresh'));
    const view = await bus.request(registryRefreshServer, { organization, server: 'files' as ServerName });
    expect(view.definition?.tools[0]?.name).toBe('fresh');
    upstreams.script('acme/files', () => {
      throw new GatewayError('upstream_failed', 'gone');
    });
    expect((await bus.request(registryRefreshServer, { organization, server: 'files' as ServerName })).health.state).toBe('failed');
  });

  test('of a server that is not there names the one that was meant', async () => {
    const registry = await start();
    await registry.apply(stdio('files'));
    expect((await faultOf(bus.request(registryRefreshServer, { organization, server: 'flies' as ServerName }))).message).toContain('Did you mean "files"?');
  });
});

test('backoff doubles from a second to a minute, a quarter more or less', () => {
  expect([1, 2, 3, 4, 7, 8, 50].map((failures) => backoffSeconds(failures, 0.5))).toEqual([1, 2, 4, 8, 60, 60, 60]);
  expect([backoffSeconds(1, 0), backoffSeconds(1, 1)]).toEqual([0.75, 1.25]);
});
