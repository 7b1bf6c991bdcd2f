import { execFileSync, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { registryChanged, runnerCancel, runnerDiscover, type CallId, type ServerName } from '@mcpgw/contracts';
import { uuid7 } from '@mcpgw/platform-runtime';
import { allProcesses } from '../sandbox/processes.js';
import { faultOf, FIXTURES, ORGANIZATION, RunnerHarness, until, WORKSPACE } from './runner-harness.js';

let runner: RunnerHarness;
beforeAll(async () => {
  runner = await RunnerHarness.start({ runnerStartTimeoutSeconds: 2, runnerMaxLineBytes: 1_048_576 });
  runner.fixture('bystander', 'moody.mjs');
  expect(await runner.call('bystander', 'echo', { text: 'hello' })).toBe('hello');
}, 30_000);
afterAll(() => runner.close());

const bystanderAnswers = async (): Promise<void> => expect(await runner.call('bystander', 'echo', { text: 'still here' })).toBe('still here');
const mood = (name: string, args: string[] = []): void => runner.fixture(name, 'moody.mjs', { args });

describe('a server that misbehaves', () => {
  it('that exits at start is named, with its exit code, and its last words for the operator only', async () => {
    mood('exits', ['exits']);
    const fault = await faultOf(runner.call('exits', 'echo'));
    expect(fault).toMatch(/^upstream_failed: The server "exits" did not start: it ended with exit code 3\./);
    expect(fault).not.toContain('no database');
    expect(runner.problem('server acme/exits')).toContain('Its last words: cannot start: no database');
    const discover = faultOf(runner.bus.request(runnerDiscover, { organization: ORGANIZATION, server: 'exits' as ServerName, revision: 1 }));
    expect(await discover).toContain('no database');
    await bystanderAnswers();
  }, 30_000);

  it('that never answers initialize is killed at the start time-out', async () => {
    mood('silent', ['silent']);
    expect(await faultOf(runner.call('silent', 'echo'))).toContain('it did not answer initialize within 2 s');
    await until(() => allProcesses().every((pid) => !commandLine(pid).includes('moody.mjs silent')));
    await bystanderAnswers();
  }, 30_000);

  it('that floods before it answers is killed at the longest line', async () => {
    mood('flooding', ['flooding']);
    expect(await faultOf(runner.call('flooding', 'echo'))).toContain('it sent a line of more than 1048576 bytes');
    await bystanderAnswers();
  }, 30_000);

  it('that sends 100 MB without a line end loses its calls at once; the runner does not grow', async () => {
    mood('huge');
    // What starting a server takes is not what its line takes.
    expect(await runner.call('huge', 'echo', { text: 'before' })).toBe('before');
    const before = process.memoryUsage().rss;
    expect(await faultOf(runner.call('huge', 'huge', { bytes: 100_000_000 }))).toMatch(/^upstream_lost: The server "huge" sent a line of more than 1048576 bytes and was stopped/);
    expect(process.memoryUsage().rss - before).toBeLessThan(60_000_000);
    expect(await runner.call('huge', 'echo', { text: 'again' })).toBe('again');
  }, 30_000);

  it('that sends messages without end is stopped', async () => {
    mood('noise');
    expect(await faultOf(runner.call('noise', 'noise'))).toMatch(/^upstream_lost: The server "noise" floods its output/);
    await bystanderAnswers();
  }, 30_000);

  it('that prints garbage between its messages is served, and the lines are counted', async () => {
    mood('chatty', ['chatty']);
    expect(await runner.call('chatty', 'garbage', { lines: 10 })).toBe('said');
    expect(await runner.call('chatty', 'unasked')).toBe('said');
    expect(runner.instance('chatty')).toMatchObject({ garbageLines: 60, restarts: 0 });
  }, 30_000);

  it.each([
    ['die', { code: 7 }, 'ended with exit code 7'],
    ['killed', {}, 'was ended by signal SIGSEGV'],
  ])('that dies in mid-call (%s) loses exactly its calls, and is started again', async (tool, args, how) => {
    mood(`dies-${tool}`);
    const other = faultOf(runner.call(`dies-${tool}`, 'hang'));
    expect(await faultOf(runner.call(`dies-${tool}`, tool, args))).toBe(`upstream_lost: The server "dies-${tool}" ${how} during the call. Whether the call took effect is unknown.`);
    expect(await other).toMatch(/^upstream_lost/);
    await bystanderAnswers();
    expect(await runner.call(`dies-${tool}`, 'echo', { text: 'again' })).toBe('again');
  }, 30_000);

  it('that fails again and again is left alone, and says so', async () => {
    mood('hopeless', ['exits']);
    let fault = '';
    for (let attempt = 0; !fault.includes('left alone'); attempt++) {
      expect(attempt).toBeLessThan(60);
      fault = await faultOf(runner.call('hopeless', 'echo'));
      if (fault.includes('tried again in')) await new Promise((resolve) => setTimeout(resolve, 200));
    }
    expect(fault).toMatch(/^upstream_failed: The server "hopeless" failed again and again/);
    expect(runner.instance('hopeless')).toMatchObject({ state: 'failed', restarts: 5 });
    mood('hopeless');
    expect(await runner.call('hopeless', 'echo', { text: 'repaired' })).toBe('repaired');
    expect(runner.problem('server acme/hopeless')).toBeUndefined();
  }, 30_000);
});

describe('calls', () => {
  it('share one instance, each with its own answer', async () => {
    mood('shared');
    const texts = Array.from({ length: 50 }, (_, n) => `text ${n}`);
    expect(await Promise.all(texts.map((text) => runner.call('shared', 'echo', { text })))).toEqual(texts);
    expect(new Set(await Promise.all([1, 2].map(() => runner.call('shared', 'self')))).size).toBe(1);
  }, 30_000);

  it('carry their progress tokens through, though two callers chose the same', async () => {
    mood('progress');
    const ids = [uuid7(Date.now()), uuid7(Date.now())] as CallId[];
    const tokens = await Promise.all(ids.map((callId) => runner.call('progress', 'progress', {}, { callId, eventsTo: 'edge-1', meta: { progressToken: 'same' } })));
    expect(new Set(tokens).size).toBe(2);
    for (const callId of ids) {
      expect(runner.events.filter((event) => event.callId === callId)).toEqual([{ callId, method: 'notifications/progress', params: { progressToken: 'same', progress: 1 } }]);
    }
  }, 30_000);

  it('that are cancelled end at once, and the server is told', async () => {
    mood('cancels');
    await runner.call('cancels', 'echo');
    const callId = uuid7(Date.now()) as CallId;
    const hanging = faultOf(runner.call('cancels', 'hang', {}, { callId }));
    await until(() => runner.instance('cancels')?.['inFlight'] === 1);
    runner.bus.publish(runnerCancel, { callId, reason: 'changed my mind' });
    expect(await hanging).toBe('cancelled: changed my mind');
    expect(JSON.parse(await runner.call('cancels', 'cancelled'))).toEqual([{ requestId: 3, reason: 'changed my mind' }]);
  }, 30_000);

  it('that time out are cancelled at the server, which lives on when it answers the next', async () => {
    mood('late');
    const self = await runner.call('late', 'self');
    expect(await faultOf(runner.call('late', 'hang', {}, { timeoutMs: 200 }))).toMatch(/^timeout/);
    expect(await runner.call('late', 'self')).toBe(self);
    expect(await faultOf(runner.call('late', 'hang', {}, { timeoutMs: 200 }))).toMatch(/^timeout/);
    expect(await runner.call('late', 'self')).toBe(self);
    expect(JSON.parse(await runner.call('late', 'cancelled'))).toHaveLength(2);
  }, 30_000);

  it('beyond 256 at once are refused, and those under way go on', async () => {
    mood('crowded');
    await runner.call('crowded', 'echo');
    const hanging = Array.from({ length: 256 }, () => faultOf(runner.call('crowded', 'hang', {}, { timeoutMs: 3_000 })));
    await until(() => runner.instance('crowded')?.['inFlight'] === 256);
    expect(await faultOf(runner.call('crowded', 'echo'))).toMatch(/^unavailable: The server "crowded" has 256 calls under way/);
    mood('crowded', ['fine']);
    expect(await runner.call('crowded', 'echo', { text: 'the new one' })).toBe('the new one');
    expect((await Promise.all(hanging)).every((fault) => /^(timeout|upstream_lost)/.test(fault))).toBe(true);
  }, 30_000);

  it("are told the server's own errors as they are", async () => {
    mood('errors');
    expect(await runner.invoke('errors', 'no/such')).toEqual({ error: { code: -32601, message: 'no such method' } });
  }, 30_000);

  it('answer what the server asks: ping, and nothing else', async () => {
    mood('asks');
    await runner.call('asks', 'ask');
    await until(async () => (JSON.parse(await runner.call('asks', 'answers')) as unknown[]).length === 2);
    expect(JSON.parse(await runner.call('asks', 'answers'))).toEqual([
      { jsonrpc: '2.0', id: 'p', result: {} },
      { jsonrpc: '2.0', id: 's', error: { code: -32601, message: 'The gateway does not serve sampling/createMessage.' } },
    ]);
  }, 30_000);
});

describe('instances', () => {
  it('at a new revision take over; calls under way finish on the old one', async () => {
    const marker = `old-${randomUUID()}`;
    mood('replaced', [marker]);
    await runner.call('replaced', 'echo');
    const hanging = faultOf(runner.call('replaced', 'hang', {}, { timeoutMs: 600 }));
    await until(() => runner.instance('replaced')?.['inFlight'] === 1);
    mood('replaced', ['new']);
    expect(await runner.call('replaced', 'echo', { text: 'new' })).toBe('new');
    expect(processesOf(marker).length).toBeGreaterThan(0);
    expect(await hanging).toMatch(/^timeout/);
    await until(() => processesOf(marker).length === 0);
  }, 30_000);

  it('are kept when a revision changes nothing that they run with', async () => {
    mood('kept');
    const self = await runner.call('kept', 'self');
    (runner.registry.get('kept') as { revision: number }).revision += 1;
    expect(await runner.call('kept', 'self')).toBe(self);
    expect(runner.instance('kept')).toMatchObject({ revision: 2, restarts: 0 });
  }, 30_000);

  it('are replaced when one of their secrets changes', async () => {
    runner.fixture('rotated', 'moody.mjs', { env: { TOKEN: 'secret://rotated' } });
    runner.secret('rotated', 'rotated', 'short');
    expect(await runner.call('rotated', 'environment', { name: 'TOKEN' })).toBe('short');
    runner.secret('rotated', 'rotated', 'newer');
    runner.bus.publish(registryChanged, { organization: ORGANIZATION, revision: 2 });
    await until(async () => (await runner.call('rotated', 'environment', { name: 'TOKEN' })) === 'newer');
  }, 30_000);

  it('stop when they are idle, and make room for others when there are too many', async () => {
    const small = await RunnerHarness.start({ runnerMaxInstances: 2, runnerIdleSeconds: 1 });
    for (const name of ['one', 'two', 'three']) small.fixture(name, 'moody.mjs');
    await small.call('one', 'echo');
    await small.call('two', 'echo');
    const busy = faultOf(small.call('one', 'hang', {}, { timeoutMs: 1_500 }));
    await until(() => small.instance('one')?.['inFlight'] === 1);
    await small.call('three', 'echo');
    expect([small.instance('one'), small.instance('two'), small.instance('three')].map((entry) => entry?.['state'])).toEqual(['ready', 'stopped', 'ready']);
    expect(await busy).toMatch(/^timeout/);
    await until(() => small.instance('three')?.['state'] === 'stopped' && small.instance('one')?.['state'] === 'stopped');
    expect(small.instance('one')).toMatchObject({ restarts: 0 });
    await small.close();
  }, 30_000);

  it('say when their lists changed: once for many changes in a row, and once more at the end', async () => {
    mood('changes');
    await runner.call('changes', 'changed');
    await until(() => runner.changed.filter((server) => server === 'changes').length === 2);
    await bystanderAnswers();
    expect(runner.changed.filter((server) => server === 'changes')).toHaveLength(2);
  }, 30_000);

  it('of a server that is taken off the register end, and its trouble is no longer shown', async () => {
    const marker = `removed-${randomUUID()}`;
    mood('removed', [marker]);
    mood('removed-broken', ['exits']);
    await runner.call('removed', 'echo');
    await faultOf(runner.call('removed-broken', 'echo'));
    expect(processesOf(marker).length).toBeGreaterThan(0);
    for (const name of ['removed', 'removed-broken']) runner.registry.delete(name);
    runner.bus.publish(registryChanged, { organization: ORGANIZATION, revision: 3 });
    await until(() => processesOf(marker).length === 0 && runner.problem('server acme/removed-broken') === undefined);
    expect(runner.instance('removed')).toBeUndefined();
    await bystanderAnswers();
  }, 30_000);

  it('of servers that are not registered do not exist', async () => {
    expect(await faultOf(runner.call('nobody', 'echo'))).toBe('not_found: There is no server "nobody".');
  });
});

describe('the end', () => {
  it('of the runner takes a stubborn server and its daemon along', async () => {
    const marker = `stubborn-${randomUUID()}`;
    const ending = await RunnerHarness.start();
    ending.fixture('stubborn', 'stubborn.mjs', { args: [marker] });
    await ending.call('stubborn', 'echo', { text: 'hello' });
    await until(() => processesOf(marker).length >= 2);
    await ending.close();
    expect(processesOf(marker)).toEqual([]);
  }, 30_000);

  it('of the runner by SIGKILL leaves no process behind', async () => {
    // The runner as it is shipped, in a process of its own.
    execFileSync(process.execPath, [path.join(WORKSPACE, 'node_modules/typescript/bin/tsc'), '-b'], { cwd: path.join(FIXTURES, '../../..') });
    const marker = `orphan-${randomUUID()}`;
    const child = spawn(process.execPath, [path.join(FIXTURES, 'run-runner.mjs'), marker], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    expect(line.toString()).toMatch(/^up /);
    expect(processesOf(marker).filter((pid) => pid !== child.pid).length).toBeGreaterThanOrEqual(2);
    child.kill('SIGKILL');
    await once(child, 'exit');
    await until(() => processesOf(marker).length === 0);
    rmSync(line.toString().trim().slice('up '.length), { recursive: true, force: true });
  }, 60_000);
});

function processesOf(marker: string): readonly number[] {
  return allProcesses().filter((pid) => pid !== process.pid && commandLine(pid).includes(marker));
}

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}
