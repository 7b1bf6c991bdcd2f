import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { GatewayError, runnerCancel, type CallId, type ServerConfig, type UpstreamClient } from '@mcpgw/contracts';
import { uuid7 } from '@mcpgw/platform-runtime';
import { faultOf, RunnerHarness, until, type CallOptions } from './runner-harness.js';

const ALL = { elicitation: { form: {} }, sampling: {}, roots: {} };
const ELICIT = { method: 'elicitation/create', params: { message: 'Who?', requestedSchema: { type: 'object', properties: {} } } };
const ROOTS = { method: 'roots/list' };

let runner: RunnerHarness;
beforeAll(async () => {
  runner = await RunnerHarness.start({ runnerMaxScopes: 3, runnerScopeIdleSeconds: 1 });
}, 30_000);
afterAll(() => runner.close());
beforeEach(() => {
  runner.asked.length = 0;
  runner.withdrawn.length = 0;
  runner.onAsk = ({ method }) => ({ result: { answered: method } });
});

const client = (scope: string, capabilities: UpstreamClient['capabilities'] = ALL): CallOptions => ({ eventsTo: 'edge-1', client: { scope, capabilities } });
/** In the same process, but a call that nothing can be asked of. */
const unasked = (scope: string): CallOptions => ({ client: { scope, capabilities: ALL } });
const asking = (name: string, sessions?: ServerConfig['sessions']): void => runner.fixture(name, 'asking.mjs', {}, {}, sessions);
const ask = (server: string, asks: readonly object[], options: CallOptions): Promise<unknown> => runner.call(server, 'ask', { asks }, options).then((text) => JSON.parse(text) as unknown);
const newCallId = (): CallId => uuid7(Date.now()) as CallId;

describe('what a server asks in the middle of a call', () => {
  it("reaches the call's client, and the answer the server", async () => {
    asking('asks');
    const callId = newCallId();
    runner.onAsk = ({ method }) => (method === 'roots/list' ? { error: { code: -1, message: 'declined' } } : { result: { action: 'accept', content: { name: 'Ada' } } });
    expect(await ask('asks', [ELICIT, ROOTS], { ...client('ada'), callId })).toEqual([{ action: 'accept', content: { name: 'Ada' } }, { code: -1, message: 'declined' }]);
    expect(runner.asked).toEqual([{ callId, askId: '1', ...ELICIT }, { callId, askId: '2', ...ROOTS, params: {} }]);
    expect(runner.withdrawn).toEqual([]);
  }, 30_000);

  it('stays with the server when the client did not declare it', async () => {
    asking('undeclared');
    const only = client('ada', { elicitation: { form: {} } });
    const asks = [ELICIT, ROOTS, { method: 'sampling/createMessage', params: { messages: [] } }, { method: 'elicitation/create', params: { mode: 'url', url: 'https://example.com' } }, { method: 'vendor/own' }];
    const replies = (await ask('undeclared', asks, only)) as { code?: number; answered?: string }[];
    expect(replies.map((reply) => reply.code ?? reply.answered)).toEqual(['elicitation/create', -32601, -32601, -32602, -32601]);
    expect(runner.asked.map(({ method }) => method)).toEqual(['elicitation/create']);
    const replies2 = (await ask('undeclared', [ELICIT], { eventsTo: 'edge-1' })) as { code: number }[];
    expect(replies2[0]?.code).toBe(-32601);
    expect(runner.asked).toHaveLength(1);
  }, 30_000);

  it('stops the time of its call, and of that alone', async () => {
    asking('slow-person');
    let answer: (() => void) | undefined;
    runner.onAsk = () => new Promise((resolve) => (answer = () => resolve({ result: { at: 'last' } })));
    const asked = ask('slow-person', [ELICIT], { ...client('ada'), timeoutMs: 700 });
    await until(() => answer !== undefined);
    // Both time out in the same process, more than the asked call had: neither ends it nor the server.
    for (let n = 0; n < 2; n++) expect(await faultOf(runner.call('slow-person', 'hang', {}, { ...client('ada'), timeoutMs: 400 }))).toMatch(/^timeout/);
    answer?.();
    expect(await asked).toEqual([{ at: 'last' }]);
    expect(await faultOf(runner.call('slow-person', 'hang', {}, { ...client('ada'), timeoutMs: 100 }))).toMatch(/^timeout/);
    expect(runner.instance('slow-person')).toMatchObject({ restarts: 0 });
  }, 30_000);

  it("is refused when the client can't be reached any more", async () => {
    asking('gone');
    const replies = (await ask('gone', [ELICIT], { ...client('ada'), eventsTo: 'edge-gone' })) as { code: number }[];
    expect(replies[0]).toMatchObject({ code: -32603 });
    runner.onAsk = () => {
      throw new GatewayError('cancelled', 'The client went away.');
    };
    expect(await ask('gone', [ELICIT], client('ada'))).toEqual([{ code: -32603, message: 'The client went away.' }]);
  }, 30_000);

  it('is over with its call: the server is told, and so is the edge', async () => {
    asking('cancelled');
    runner.onAsk = () => new Promise(() => {});
    const callId = newCallId();
    const asked = faultOf(ask('cancelled', [ELICIT], { ...client('ada'), callId }));
    await until(() => runner.asked.length === 1);
    runner.bus.publish(runnerCancel, { callId, reason: 'enough' });
    expect(await asked).toBe('cancelled: enough');
    await until(() => runner.withdrawn.includes(callId));
    expect(await runner.call('cancelled', 'leave', {}, client('ada'))).toBe('left');
    await until(async () => (await runner.call('cancelled', 'left', {}, client('ada'))) === 'The call that this belongs to is over.');
  }, 30_000);

  it('can be taken back by the server', async () => {
    asking('withdraws');
    runner.onAsk = () => new Promise(() => {});
    const callId = newCallId();
    const call = runner.call('withdraws', 'withdraw', {}, { ...client('ada'), callId });
    await until(() => runner.asked.length === 1);
    await runner.call('withdraws', 'takeBack', {}, client('ada'));
    expect(await call).toBe('withdrawn');
    expect(runner.withdrawn).toEqual([callId]);
  }, 30_000);

  it('that was put to the wrong one of two calls is put to the other, once the first is answered', async () => {
    asking('parallel');
    const [slow, quick] = [newCallId(), newCallId()];
    runner.onAsk = ({ callId }) => (callId === quick ? new Promise(() => {}) : { result: { action: 'accept' } });
    const asked = runner.call('parallel', 'askWhenTold', {}, { ...client('ada'), callId: slow });
    await until(() => runner.instance('parallel')?.['inFlight'] === 1);
    const answered = runner.call('parallel', 'tell', {}, { ...client('ada'), callId: quick });
    await until(() => runner.asked.length === 1);
    expect(runner.asked[0]?.callId).toBe(quick);
    await runner.call('parallel', 'answerTeller', {}, unasked('ada'));
    expect(await answered).toBe('told');
    expect(await asked).toBe('{"action":"accept"}');
    expect(runner.asked.map(({ callId }) => callId)).toEqual([quick, slow]);
    expect(runner.withdrawn).toEqual([quick]);
  }, 30_000);

  it('belongs to nobody while no call is under way', async () => {
    asking('afterwards');
    await runner.call('afterwards', 'later', {}, client('ada'));
    await until(async () => {
      const said = await runner.call('afterwards', 'late', {}, unasked('ada'));
      return said === 'No call is under way whose caller could be asked.';
    });
    expect(runner.asked).toEqual([]);
  }, 30_000);

  it('is bounded: 16 open at once, 64 in one call', async () => {
    asking('greedy');
    let release: (() => void) | undefined;
    const released = new Promise<void>((resolve) => (release = resolve));
    runner.onAsk = async () => (await released, { result: { ok: true } });
    const crowd = runner.call('greedy', 'crowd', { count: 40 }, client('ada'));
    await until(async () => (await runner.call('greedy', 'refused', {}, unasked('ada'))) === '24');
    expect(runner.asked).toHaveLength(16);
    release?.();
    const replies = JSON.parse(await crowd) as unknown[];
    expect(replies.filter((reply) => typeof reply === 'object')).toHaveLength(16);
    expect(replies.at(-1)).toBe('16 questions are open, as many as may be at once.');
    const many = (await ask('greedy', Array.from({ length: 66 }, () => ROOTS), client('ada'))) as { ok?: boolean; message?: string }[];
    expect(many.filter((reply) => reply.ok)).toHaveLength(64);
    expect(many.at(-1)?.message).toBe('The call has asked 64 questions, as many as one may.');
  }, 30_000);
});

describe('processes by scope', () => {
  const self = (server: string, options?: CallOptions): Promise<string> => runner.call(server, 'self', {}, options);
  /** Calls that hang, one of each scope; the result ends them. */
  const occupy = async (server: string, scopes: readonly string[], capabilities: UpstreamClient['capabilities'], inFlight: number): Promise<() => Promise<void>> => {
    const callIds = scopes.map(newCallId);
    const hanging = scopes.map((scope, n) => faultOf(runner.call(server, 'hang', {}, { ...client(scope, capabilities), callId: callIds[n] as CallId })));
    await until(() => runner.instance(server)?.['inFlight'] === inFlight);
    return async () => {
      for (const callId of callIds) runner.bus.publish(runnerCancel, { callId });
      for (const fault of await Promise.all(hanging)) expect(fault).toMatch(/^cancelled/);
    };
  };

  it('declare what the caller can be asked, and the shared one nothing', async () => {
    asking('declares');
    expect(JSON.parse(await runner.call('declares', 'declared', {}, client('ada', { roots: {} })))).toEqual({ roots: {} });
    expect(JSON.parse(await runner.call('declares', 'declared'))).toEqual({});
    expect(await self('declares', client('', {}))).toBe(await self('declares'));
    expect(new Set([await self('declares'), await self('declares', client('ada')), await self('declares', client('bob')), await self('declares', client('ada', { roots: {} }))]).size).toBe(4);
    expect(await self('declares', client('ada'))).toBe(await self('declares', client('ada')));
  }, 30_000);

  it('are asked to log everything', async () => {
    asking('logs');
    await until(async () => (await runner.call('logs', 'level')) === 'debug');
    const callIds = [newCallId(), newCallId()] as const;
    const hanging = faultOf(runner.call('logs', 'hang', {}, { ...client('ada'), callId: callIds[0], timeoutMs: 1_500 }));
    await runner.call('logs', 'log', { text: "ada's" }, { ...client('ada'), callId: callIds[1] });
    await until(() => runner.events.some(({ params }) => params['data'] === "ada's"));
    expect(await hanging).toMatch(/^timeout/);
  }, 30_000);

  it('are bounded for each server: the idle one makes room, and when all are busy the shared one serves', async () => {
    asking('bounded');
    const shared = await self('bounded');
    const release = await occupy('bounded', ['a', 'b'], ALL, 2);
    const third = await self('bounded', client('c'));
    const fourth = await self('bounded', client('d'));
    expect(new Set([shared, third, fourth]).size).toBe(3);
    expect(runner.instance('bounded')).toMatchObject({ scopes: 3 });
    const releaseLast = await occupy('bounded', ['d'], ALL, 3);
    expect(await self('bounded', client('e'))).toBe(shared);
    expect(await runner.call('bounded', 'declared', {}, client('e'))).toBe('{}');
    await Promise.all([release(), releaseLast()]);
  }, 30_000);

  it('of a server that keeps its callers apart are never shared instead', async () => {
    asking('apart', 'principal');
    const release = await occupy('apart', ['a', 'b', 'c'], {}, 3);
    expect(await faultOf(runner.call('apart', 'echo', { text: 'x' }, client('d', {})))).toMatch(/^unavailable: All 3 processes that a server may have for callers of its own are busy/);
    await release();
  }, 30_000);

  it('of a server that all share do not exist', async () => {
    asking('together', 'shared');
    expect(await self('together', client('ada'))).toBe(await self('together'));
  }, 30_000);

  it('stop when they are idle, long before the shared one', async () => {
    asking('idle');
    await self('idle', client('ada'));
    const shared = await self('idle');
    expect(runner.instance('idle')).toMatchObject({ scopes: 1 });
    await until(() => runner.instance('idle')?.['scopes'] === 0);
    expect(await self('idle')).toBe(shared);
    expect(runner.instance('idle')).toMatchObject({ restarts: 0 });
  }, 30_000);
});
