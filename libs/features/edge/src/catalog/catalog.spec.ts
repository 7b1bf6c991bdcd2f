import { readdirSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { organizationConfig, routeConfig } from '@mcpgw/contracts';
import { organization, request, server, TestEdge, until, type TestKey } from '../edge.fixture.js';

describe('the catalog', () => {
  let edge: TestEdge;
  let agent: TestKey;

  beforeEach(() => {
    edge = new TestEdge();
    edge.registry.views.set('acme', organization());
    agent = edge.addKey('acme', 'agent');
  });
  afterEach(() => edge.close());

  const file = () => path.join(edge.directory, 'edge', 'snapshot.json');
  const status = async () => (await edge.post(agent.key, request('tools/list'))).status;

  it('serves the saved snapshot after a restart without the registry, says so, and catches up when it is back', async () => {
    await edge.start();
    await until(() => readdirSync(path.dirname(file())).includes('snapshot.json'));
    expect(statSync(file()).mode & 0o777).toBe(0o600);
    await edge.stop();
    await edge.stopRegistry();
    edge.registry.pulls = 1; // nobody pulls: start does not wait
    await edge.start();
    expect(await status()).toBe(200);
    await until(() => edge.health.status().problems.some(({ component }) => component === 'registry'));
    expect(edge.health.status()).toMatchObject({ ready: true, problems: [{ component: 'registry', message: expect.stringMatching(/serves its snapshot of \d+ s ago/) }], details: { snapshotAgeMs: expect.any(Number) } });
    edge.registry.change('acme', (view) => ({ ...view, keys: [] }));
    edge.stopRegistry = edge.registry.serve();
    await until(async () => (await status()) === 401);
    expect(edge.health.status().problems).toEqual([]);
  });

  it('waits for the registry when the saved snapshot is damaged', async () => {
    await edge.start();
    await edge.stop();
    writeFileSync(file(), '{"format":1,');
    await edge.stopRegistry();
    await edge.start();
    expect(edge.health.ready()).toBe(false);
    expect(await status()).toBe(401);
    edge.stopRegistry = edge.registry.serve();
    await until(() => edge.health.ready());
    expect(await status()).toBe(200);
  });

  it('leaves no half-written file behind', async () => {
    await edge.start();
    for (let i = 0; i < 5; i++) {
      edge.registry.change('acme', (view) => view);
      const { pulls } = edge.registry;
      await until(() => edge.registry.pulls > pulls + 1);
    }
    expect(readdirSync(path.dirname(file()))).toEqual(['snapshot.json']);
  });

  it('forgets an organization that is gone, with its keys', async () => {
    await edge.start();
    expect(await status()).toBe(200);
    edge.registry.views.delete('acme');
    await until(async () => (await status()) === 401);
  });

  it('shows no organization anything of another', async () => {
    edge.registry.views.set('globex', organization('globex', { servers: [server('globex', 'vault', ['open'])] }));
    const other = edge.addKey('globex', 'agent');
    await edge.start();
    const mine = await edge.post(agent.key, request('tools/list'));
    const theirs = await edge.post(other.key, request('tools/list'));
    expect(mine.text).not.toContain('vault');
    expect(theirs.text).not.toContain('files');
    expect((await edge.post(other.key, request('tools/call', { name: 'files__read_file' }))).body.error.code).toBe(-32602);
  });

  it('says which route shows less than it should because two servers claim a name, until they no longer do', async () => {
    const shared = (tools: string[]) => [server('acme', 'files', ['read', 'write']), server('acme', 'crm', tools)];
    edge.registry.change('acme', (view) => ({ ...view, servers: shared(['read']), routes: [routeConfig.parse({ organization: 'acme', name: 'bare', servers: ['files', 'crm'], prefix: 'never' })] }));
    await edge.start();
    const tools = async () => ((await edge.post(agent.key, request('tools/list'), {}, '/mcp/bare')).body.result as unknown as { tools: { name: string }[] }).tools.map(({ name }) => name);
    await until(async () => (await tools()).length === 1);
    expect(await tools()).toEqual(['write']);
    const problem = () => edge.health.status().problems.find(({ component }) => component === 'route acme/bare');
    expect(problem()?.message).toContain('"read" (crm, files)');
    expect(edge.health.ready()).toBe(true);
    edge.registry.change('acme', (view) => ({ ...view, servers: shared(['other']).map((one) => ({ ...one, definition: { ...one.definition!, prompts: [], resources: [], resourceTemplates: [] } })) }));
    await until(() => problem() === undefined);
    expect(await tools()).toEqual(['other', 'read', 'write']);
  });

  it('has regulated calls wait for the commit, and makes none without it', async () => {
    edge.registry.change('acme', (view) => ({ ...view, organization: organizationConfig.parse({ name: 'acme', audit: { mode: 'regulated' } }) }));
    await edge.start();
    const call = () => edge.post(agent.key, request('tools/call', { name: 'files__read_file' }));
    expect((await call()).status).toBe(200);
    expect(edge.entries.of('tools/call')[0]).toMatchObject({ phase: 'intent', until: 'committed' });
    edge.entries.failing = 'committed';
    const { status: refused, body } = await call();
    expect({ refused, code: body.error.code, id: body.id }).toEqual({ refused: 503, code: -31503, id: 1 });
    expect(edge.runner.calls).toHaveLength(1);
  });

  it('refuses calls beyond those that may be under way', async () => {
    await edge.start({ maxConcurrentCalls: 1 });
    edge.runner.answer = () => new Promise(() => undefined);
    const stop = new AbortController();
    const held = fetch(`${edge.url}/mcp`, { method: 'POST', signal: stop.signal, headers: { 'content-type': 'application/json', authorization: `Bearer ${agent.key}` }, body: JSON.stringify(request('tools/call', { name: 'files__read_file' })) });
    held.catch(() => undefined);
    await until(() => edge.runner.calls.length === 1);
    expect((await edge.post(agent.key, request('tools/call', { name: 'files__read_file' }))).body.error.code).toBe(-31503);
    stop.abort();
    await until(() => edge.runner.cancelled.length === 1);
  });
});
