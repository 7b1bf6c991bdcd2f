import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { faultOf, RunnerHarness, until, type CallOptions } from './runner-harness.js';

const OWN: CallOptions = { eventsTo: 'edge-1', client: { scope: 'ada', capabilities: { elicitation: { form: {} }, roots: {} } } };

let runner: RunnerHarness;
beforeAll(async () => {
  runner = await RunnerHarness.start();
  runner.fixture('bystander', 'moody.mjs');
  // With a secret, so that what it says is searched.
  runner.fixture('liar', 'liar.mjs', { env: { TOKEN: 'secret://liar/token' } });
  runner.secret('liar', 'liar/token', 'a secret of some length');
  expect(await runner.call('liar', 'echo', { text: 'hello' })).toBe('hello');
}, 30_000);
afterAll(() => runner.close());

const liar = (tool: string, args: Record<string, unknown> = {}, options: CallOptions = {}): Promise<string> => runner.call('liar', tool, args, options);
const garbage = (): number => runner.instance('liar')?.['garbageLines'] as number;

describe('a server that answers', () => {
  it('twice: the first counts', async () => {
    expect(await liar('twice')).toBe('first');
    expect(await liar('echo', { text: 'next' })).toBe('next');
  }, 30_000);

  it('late: the call has timed out, and no other gets the answer', async () => {
    expect(await faultOf(liar('late', {}, { timeoutMs: 100 }))).toMatch(/^timeout/);
    const waiting = liar('late', {}, { timeoutMs: 5_000 });
    expect(await liar('answerLate')).toBe('sent');
    expect(await waiting).toBe('too late');
    expect(await liar('echo', { text: 'own' })).toBe('own');
  }, 30_000);

  it('out of order: each call gets its own', async () => {
    const first = liar('pair', { name: 'first' });
    const second = liar('pair', { name: 'second' });
    expect(await Promise.all([first, second])).toEqual(['first', 'second']);
  }, 30_000);

  it('under ids of every JSON type, and under none: only the right one counts', async () => {
    expect(await liar('ids')).toBe('right');
  }, 30_000);

  it('in every wrong shape: they are counted as garbage, and the right answer counts', async () => {
    const before = garbage();
    expect(await liar('shapes')).toBe('right');
    expect(garbage()).toBe(before + 11);
  }, 30_000);

  it('in bytes that are no UTF-8: the caller gets replacement characters, never the bytes', async () => {
    const text = await liar('bytes');
    expect(text).toMatch(/^\ufffd+$/);
    expect(text.isWellFormed()).toBe(true);
  }, 30_000);

  it('with keys that mean something to JavaScript: nothing of ours changes', async () => {
    const reply = await runner.invoke('liar', 'tools/call', { name: 'prototype' });
    expect(reply).toMatchObject({ result: { content: [{ text: 'kept' }] } });
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  }, 30_000);

  it.each(['result', 'log', 'ask'])('with 200,000 nested brackets (%s): its own call fails, nothing else does', async (where) => {
    const outcome = liar('deep', { where }, { ...OWN, timeoutMs: 5_000 });
    if (where === 'result') expect(await faultOf(outcome)).toMatch(/^upstream_lost: The server "liar" gave an answer that nests more than 512 levels deep/);
    else expect(await outcome).toBe('sent');
    expect(await liar('echo', { text: 'after' }, OWN)).toBe('after');
    expect(await runner.call('bystander', 'echo', { text: 'still here' })).toBe('still here');
    expect(runner.instance('liar')).toMatchObject({ restarts: 0 });
  }, 30_000);
});

describe('a server that asks', () => {
  it('under ids of every JSON type: valid ones are answered, the others are garbage', async () => {
    const before = garbage();
    expect(await liar('requests')).toBe('asked');
    await until(async () => (JSON.parse(await liar('reply')) as { id: unknown }).id === 'text');
    expect(garbage()).toBe(before + 5);
    expect(runner.asked.filter(({ method }) => method === 'sampling/createMessage')).toEqual([]);
  }, 30_000);

  it('without end: it is ended, and its clients were asked no more than they may be', async () => {
    runner.asked.length = 0;
    expect(await faultOf(liar('flood', {}, OWN))).toMatch(/^upstream_lost: The server "liar" (floods its output|does not read)/);
    expect(runner.asked.length).toBeLessThanOrEqual(64);
    expect(await runner.call('bystander', 'echo', { text: 'still here' })).toBe('still here');
    await until(async () => (await liar('echo', { text: 'again' }, OWN).catch(() => '')) === 'again');
  }, 30_000);
});
