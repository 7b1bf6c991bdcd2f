import { mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { runnerDiscover, type ServerDefinition, type ServerName } from '@mcpgw/contracts';
import { allProcesses } from '../sandbox/processes.js';
import { faultOf, FIXTURES, ORGANIZATION, RunnerHarness, until, WORKSPACE, type CallOptions } from './runner-harness.js';

const MODULES = path.join(WORKSPACE, 'node_modules');
const META = 'io.modelcontextprotocol/';

let runner: RunnerHarness;
beforeAll(async () => {
  runner = await RunnerHarness.start({ runnerStartTimeoutSeconds: 2 });
}, 30_000);
afterAll(() => runner.close());

const era = (name: string, args: string[] = [name]): void => runner.fixture(name, 'eras.mjs', { args });
const discover = (server: string): Promise<ServerDefinition> => runner.bus.request(runnerDiscover, { organization: ORGANIZATION, server: server as ServerName, revision: 1 });
const client = (scope: string, capabilities: Record<string, unknown>): CallOptions => ({ eventsTo: 'edge-1', client: { scope, capabilities } });

describe('the era of a server', () => {
  it.each([
    ['modern', 'server/discover'],
    ['dual', 'server/discover'],
    ['ends', 'initialize'],
    ['hangs', 'initialize'],
    ['refuses', 'initialize'],
  ])('that is %s is found in a process beside it: it is greeted with %s alone', async (kind, greeting) => {
    era(kind);
    expect(await runner.call(kind, 'era')).toBe(greeting);
    const isModern = greeting === 'server/discover';
    expect(runner.instance(kind)).toMatchObject({ era: isModern ? 'modern' : 'legacy', restarts: 0 });
    expect(await discover(kind)).toMatchObject({ era: isModern ? 'modern' : 'legacy', protocolVersion: isModern ? '2026-07-28' : '2025-11-25' });
    // Nothing is left of the sibling.
    await until(() => processesOf(`eras.mjs ${kind}`) === 1);
  }, 30_000);

  it.each(['2024-11-05', '2025-03-26', '2025-06-18'])('is served at the revision %s', async (revision) => {
    era(`at-${revision}`, ['refuses', revision]);
    expect(await discover(`at-${revision}`)).toMatchObject({ era: 'legacy', protocolVersion: revision });
  }, 30_000);

  it('of a server with a folder of its own is probed before it starts, never beside it', async () => {
    const folder = path.join(runner.folder, 'own');
    mkdirSync(folder);
    runner.fixture('locks', 'locking.mjs', {}, { write: [{ path: folder, at: '/state' }] });
    expect(await runner.call('locks', 'echo', { text: 'alone' })).toBe('alone');
    expect(runner.instance('locks')).toMatchObject({ restarts: 0 });
  }, 30_000);

  it('of a server that fails again and again is not asked for again and again', async () => {
    const folder = path.join(runner.folder, 'counted');
    runner.fixture('counted', 'counted.mjs', {}, { write: [{ path: folder, at: '/state' }] });
    const call = (): Promise<string> => faultOf(runner.call('counted', 'echo', {}, client('ada', { roots: {} })));
    await until(async () => (await call()).includes('left alone'));
    const starts = (): number => readFileSync(path.join(folder, 'starts')).length;
    const before = starts();
    for (let n = 0; n < 5; n++) expect(await call()).toContain('left alone');
    expect(starts()).toBe(before);
    expect(before).toBe(10);
  }, 30_000);

  it('that changes is found out again when the server says so', async () => {
    const folder = path.join(runner.folder, 'turncoat');
    runner.fixture('turncoat', 'eras.mjs', { args: ['turncoat'] }, { write: [{ path: folder, at: '/state' }] });
    expect(await runner.call('turncoat', 'era')).toBe('server/discover');
    expect(await runner.invoke('turncoat', 'tools/call', { name: 'turn' })).toMatchObject({ error: { code: -32022 } });
    expect(await runner.call('turncoat', 'era')).toBe('initialize');
    expect(runner.instance('turncoat')).toMatchObject({ era: 'legacy' });
    await until(() => runner.changed.includes('turncoat'));
  }, 30_000);

  it('that was lost while it was stopped is found out within the start', async () => {
    const small = await RunnerHarness.start({ runnerIdleSeconds: 1 });
    small.fixture('lost', 'eras.mjs', { args: ['turncoat'] }, { write: [{ path: path.join(small.folder, 'lost'), at: '/state' }] });
    expect(await small.invoke('lost', 'tools/call', { name: 'forget' })).toMatchObject({ result: expect.anything() as unknown });
    await until(() => small.instance('lost')?.['state'] === 'stopped');
    expect(small.instance('lost')).toMatchObject({ era: 'modern' });
    expect(await small.call('lost', 'era')).toBe('initialize');
    await small.close();
  }, 30_000);
});

describe('a modern server', () => {
  it('is told with each call what its caller can be asked for; one process serves all', async () => {
    era('modern-envelope', ['modern']);
    const selves = await Promise.all([client('ada', { roots: {} }), client('bob', { sampling: {} }), {}].map((options) => runner.call('modern-envelope', 'self', {}, options)));
    expect(new Set(selves).size).toBe(1);
    const envelope = JSON.parse(await runner.call('modern-envelope', 'envelope', {}, { ...client('ada', { roots: {} }), meta: { [`${META}logLevel`]: 'warning', traceparent: '00-1', own: 1 } })) as unknown;
    expect(envelope).toEqual({ [`${META}protocolVersion`]: '2026-07-28', [`${META}clientInfo`]: { name: 'mcp-gateway', version: '0.1.0' }, [`${META}clientCapabilities`]: { roots: {} }, [`${META}logLevel`]: 'warning', traceparent: '00-1', own: 1 });
    expect(JSON.parse(await runner.call('modern-envelope', 'envelope'))).toMatchObject({ [`${META}clientCapabilities`]: {} });
  }, 30_000);

  it('asks by its result, which passes as it is, and so does what is answered', async () => {
    era('modern-asks', ['modern']);
    const asked = await runner.invoke('modern-asks', 'tools/call', { name: 'ask', arguments: {} }, client('ada', { elicitation: { form: {} } }));
    expect(asked).toEqual({ result: { resultType: 'input_required', inputRequests: { who: { method: 'elicitation/create', params: { message: 'Who?' } } }, requestState: 'state-1' } });
    const answered = await runner.invoke('modern-asks', 'tools/call', { name: 'ask', arguments: {}, inputResponses: { who: { action: 'accept' } }, requestState: 'state-1' });
    expect(answered).toMatchObject({ result: { content: [{ text: '[{"who":{"action":"accept"}},"state-1"]' }] } });
    expect(await runner.invoke('modern-asks', 'tools/call', { name: 'task' })).toEqual({ result: { resultType: 'task', taskId: 't-1', status: 'working', ttlMs: null } });
    expect(await runner.invoke('modern-asks', 'vendor/unknown', { anything: [1, { x: null }] })).toEqual({ result: { resultType: 'complete', got: [1, { x: null }] } });
  }, 30_000);

  it("of the official SDK is discovered, called, and tells of its changes", async () => {
    runner.define('sdk', { command: 'node', args: [path.join(FIXTURES, 'sdk-modern.mjs')], sandbox: { read: [FIXTURES, MODULES] } });
    expect(await discover('sdk')).toMatchObject({ era: 'modern', tools: [{ name: 'add-tool' }, { name: 'greet' }] });
    expect(await runner.call('sdk', 'greet', { name: 'Ada' })).toBe('Hello, Ada');
    const before = runner.changed.filter((server) => server === 'sdk').length;
    await runner.call('sdk', 'add-tool', {});
    await until(() => runner.changed.filter((server) => server === 'sdk').length > before);
  }, 30_000);
});

describe('watched resources', () => {
  it.each(['refuses', 'modern'])('of a server that is %s are told of, until nobody watches them', async (kind) => {
    const name = `watched-${kind}`;
    era(name, [kind]);
    const [one, two] = [`note://${kind}/1`, `note://${kind}/2`];
    const watchedBy = async (): Promise<string> => runner.call(name, 'watched');
    runner.watch(name, [one]);
    await until(async () => (await watchedBy()).includes(one));
    runner.watch(name, [one, two], 'edge-2');
    await until(async () => (await watchedBy()).includes(two));
    await runner.call(name, 'update', { uri: one });
    await runner.call(name, 'update', { uri: 'note://unwatched' });
    await runner.call(name, 'update', { uri: two });
    await until(() => runner.updated.includes(two));
    expect(runner.updated).toContain(one);
    expect(runner.updated).not.toContain('note://unwatched');
    runner.watch(name, []);
    expect(await watchedBy()).toContain(one);
    runner.watch(name, [], 'edge-2');
    await until(async () => !(await watchedBy()).includes('note://'));
  }, 30_000);

  it('are watched anew in a process that is started anew, and start one', async () => {
    era('renewed', ['refuses']);
    runner.watch('renewed', ['note://missing', 'note://kept']);
    await until(() => runner.instance('renewed')?.['state'] === 'ready');
    const before = await runner.call('renewed', 'self');
    runner.fixture('renewed', 'eras.mjs', { args: ['refuses', '2025-06-18'] });
    await until(async () => (await runner.call('renewed', 'watched')) === '["note://kept"]');
    expect(await runner.call('renewed', 'self')).not.toBe(before);
    expect(await discover('renewed')).toMatchObject({ protocolVersion: '2025-06-18' });
  }, 30_000);

  it('of a modern server that ends its stream are listened for again', async () => {
    era('relisten', ['modern']);
    runner.watch('relisten', ['note://again']);
    await until(async () => (await runner.call('relisten', 'watched')).includes('note://again'));
    await runner.call('relisten', 'endListen');
    expect(await runner.call('relisten', 'watched')).toBe('[]');
    await until(async () => (await runner.call('relisten', 'watched')).includes('note://again'));
    const before = runner.changed.filter((server) => server === 'relisten').length;
    await runner.call('relisten', 'changed');
    await until(() => runner.changed.filter((server) => server === 'relisten').length > before);
  }, 30_000);
});

function processesOf(commandLine: string): number {
  return allProcesses().filter((pid) => {
    try {
      const text = readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ');
      return text.includes(commandLine) && !text.includes('bwrap');
    } catch {
      return false;
    }
  }).length;
}
