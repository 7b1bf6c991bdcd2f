import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { limitConfig } from '@mcpgw/contracts';
import { request, until, type TestEdge } from '../edge.fixture.js';
import { AskingEdges } from './testing/asking-edges.js';

const VERSION = '2026-07-28';
const ALL = { elicitation: { form: {} }, sampling: {}, roots: {} };
const INVALID = { code: -32602, message: 'Invalid or expired requestState' };

interface Result {
  readonly resultType: string;
  readonly requestState: string;
  readonly inputRequests: Record<string, { method: string; params: Record<string, unknown> }>;
  readonly content: { text: string }[];
  readonly messages: { content: { text: string } }[];
}

describe('a modern client and a legacy server that asks', () => {
  const edges = new AskingEdges();
  const { first, second, legacy } = edges;

  beforeAll(async () => {
    await edges.start();
  });
  afterAll(() => edges.close());
  beforeEach(() => {
    first.entries.written.length = 0;
    first.policy.allowed = () => true;
    legacy.cancelled.length = 0;
  });

  async function send(edge: TestEdge, params: Record<string, unknown>, { key = edges.agent.key, method = 'tools/call', capabilities = ALL as object, id = 1 as string | number, where = '/mcp/old', meta = {} } = {}) {
    const envelope = { 'io.modelcontextprotocol/protocolVersion': VERSION, 'io.modelcontextprotocol/clientCapabilities': capabilities, ...meta };
    const answer = await edge.post(key, request(method, { ...params, _meta: envelope }, id), { 'mcp-protocol-version': VERSION, 'mcp-method': method, 'mcp-name': String(params['name']) }, where);
    const messages = answer.body ? [answer.body] : answer.text.split('\n').filter((line) => line.startsWith('data: ')).map((line) => JSON.parse(line.slice(6)) as typeof answer.body);
    return { status: answer.status, result: messages.at(-1)?.result as unknown as Result, error: messages.at(-1)?.error, id: messages.at(-1)?.id, before: messages.slice(0, -1) as unknown as { method: string; params: unknown }[] };
  }

  const name = (value: string) => ({ action: 'accept', content: { name: value } });
  const entries = () => first.entries.of('tools/call').map(({ phase, outcome }) => (outcome?.code === undefined ? phase : `${phase} ${outcome.code}`));

  it('serves the SDK of the stateless era, which is asked form, sampling and roots in one go', async () => {
    const client = new Client({ name: 'spec', version: '1' }, { versionNegotiation: { mode: { pin: VERSION } }, capabilities: ALL });
    client.setRequestHandler('elicitation/create', async () => ({ action: 'accept', content: { name: 'Ada' } }));
    client.setRequestHandler('sampling/createMessage', async () => ({ role: 'assistant', model: 'm', content: { type: 'text', text: 'said' } }));
    client.setRequestHandler('roots/list', async () => ({ roots: [{ uri: 'file:///home' }] }));
    await client.connect(new StreamableHTTPClientTransport(new URL(`${first.url}/mcp/old`), { requestInit: { headers: { authorization: `Bearer ${edges.agent.key}` } } }));
    const result = await client.callTool({ name: 'ask_all', arguments: {} });
    expect(JSON.parse((result.content as { text: string }[])[0]!.text)).toEqual({ who: 'Ada', said: 'said', roots: ['file:///home'] });
    await client.close();
    expect(legacy.declared.at(-1)).toMatchObject(ALL);
    expect(entries()).toEqual(['intent', 'outcome']);
  });

  it('holds the call open over several rounds and through another edge, as one call with one end', async () => {
    const one = await send(first, { name: 'ask_twice' });
    expect(one.result).toMatchObject({ resultType: 'input_required', inputRequests: { 'ask-1': { method: 'elicitation/create', params: { message: 'First?' } } } });
    expect(one.result).not.toHaveProperty('ttlMs');
    const two = await send(second, { name: 'ask_twice', requestState: one.result.requestState, inputResponses: { 'ask-1': name('a') } }, { id: 2 });
    expect(two).toMatchObject({ status: 200, id: 2, result: { resultType: 'input_required', inputRequests: { 'ask-2': { params: { message: 'Second?' } } } } });
    const three = await send(first, { name: 'ask_twice', requestState: two.result.requestState, inputResponses: { 'ask-2': name('b') } }, { id: 'three' });
    expect(three).toMatchObject({ id: 'three', result: { resultType: 'complete', content: [{ text: '["a","b"]' }] } });
    expect(entries()).toEqual(['intent', 'outcome']);
  });

  it('asks in prompts too', async () => {
    const one = await send(first, { name: 'greet' }, { method: 'prompts/get' });
    const two = await send(second, { name: 'greet', requestState: one.result.requestState, inputResponses: { 'ask-1': name('Ada') } }, { method: 'prompts/get' });
    expect(two.result.messages[0]?.content.text).toBe('hello Ada');
  });

  it('relays progress of a round that another edge serves, under the token of that request', async () => {
    const one = await send(first, { name: 'ask' }, { meta: { progressToken: 'old' } });
    const two = await send(second, { name: 'ask', requestState: one.result.requestState, inputResponses: { 'ask-1': name('Ada') } }, { meta: { progressToken: 'new' } });
    expect(two.before).toMatchObject([{ method: 'notifications/progress', params: { progressToken: 'new', progress: 1 } }]);
    expect(JSON.parse(two.result.content[0]!.text)).toMatchObject({ action: 'accept', name: 'Ada' });
  });

  it('asks again for what was not answered, and ignores answers to what was not asked', async () => {
    const one = await send(first, { name: 'ask' });
    const two = await send(first, { name: 'ask', requestState: one.result.requestState, inputResponses: { other: name('x'), 'ask-1': 'no object' } });
    expect(two.result.inputRequests).toHaveProperty('ask-1');
    const three = await send(first, { name: 'ask', requestState: two.result.requestState, inputResponses: { 'ask-1': name('Ada') } });
    expect(three.result.resultType).toBe('complete');
  });

  it('answers every state that is not its own alike, with an entry and without touching the call', async () => {
    const one = await send(first, { name: 'ask', arguments: { a: 1 } });
    const { requestState } = one.result;
    const good = { name: 'ask', arguments: { a: 1 }, requestState, inputResponses: { 'ask-1': name('Ada') } };
    const tampered = `${requestState.slice(0, -4)}${requestState.endsWith('AAAA') ? 'BBBB' : 'AAAA'}`;
    const refused = [
      await send(first, good, { key: edges.other.key }),
      await send(second, good, { key: edges.other.key }),
      await send(first, { ...good, arguments: { a: 2 } }),
      await send(first, { ...good, name: 'ask_twice' }),
      await send(first, { ...good, requestState: tampered }),
      await send(first, { ...good, requestState: 'x' }),
      await send(first, { ...good, requestState: 7 }),
    ];
    expect(refused.map(({ error }) => error)).toEqual(refused.map(() => INVALID));
    expect(entries()).toEqual(['intent', ...refused.map(() => 'denied -32602')]);
    expect((await send(second, good)).result.resultType).toBe('complete');
    expect((await send(second, good)).error).toEqual(INVALID);
    expect((await send(first, good)).error).toEqual(INVALID);
  });

  it('lets go on only who may still call', async () => {
    const one = await send(first, { name: 'ask' });
    first.policy.allowed = (_roles, _action, _server, target) => target !== 'ask';
    const good = { name: 'ask', requestState: one.result.requestState, inputResponses: { 'ask-1': name('Ada') } };
    expect((await send(second, good)).error).toEqual(INVALID);
    first.policy.allowed = () => true;
    expect((await send(second, good)).result.resultType).toBe('complete');
  });

  it('says which server asks where there are several', async () => {
    const one = await send(first, { name: 'old__ask' }, { where: '/mcp' });
    expect(one.result.inputRequests['ask-1']?.params['message']).toBe('old: Who?');
    await send(first, { name: 'old__ask', requestState: one.result.requestState, inputResponses: { 'ask-1': { action: 'decline' } } }, { where: '/mcp' });
  });

  it('never asks what the client has not declared', async () => {
    const plain = await send(first, { name: 'ask_undeclared' }, { capabilities: { elicitation: {} } });
    expect(JSON.parse(plain.result.content[0]!.text)).toMatchObject({ failure: expect.stringContaining('-32601') });
    const none = await send(first, { name: 'ask_undeclared' }, { capabilities: {} });
    expect(JSON.parse(none.result.content[0]!.text)).toMatchObject({ failure: expect.stringContaining('-32601') });
  });

  it('cancels upstream when a client leaves while the call runs, and not while it waits for the client', async () => {
    const leaving = new AbortController();
    const body = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'hang', _meta: { 'io.modelcontextprotocol/protocolVersion': VERSION, 'io.modelcontextprotocol/clientCapabilities': ALL } } };
    const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream', authorization: `Bearer ${edges.agent.key}`, 'mcp-protocol-version': VERSION, 'mcp-method': 'tools/call', 'mcp-name': 'hang' };
    const gone = fetch(`${first.url}/mcp/old`, { method: 'POST', headers, body: JSON.stringify(body), signal: leaving.signal });
    gone.catch(() => undefined);
    await until(() => [...legacy.running].some((call) => call.startsWith('hang')), 'the call to run');
    leaving.abort();
    await until(() => legacy.cancelled.includes('hang'), 'the cancellation');
    await until(() => entries().includes('outcome cancelled'), 'the outcome');
    const waiting = await send(first, { name: 'ask' });
    expect(waiting.result.resultType).toBe('input_required');
    expect(legacy.cancelled).toEqual(['hang']);
    expect((await send(first, { name: 'ask', requestState: waiting.result.requestState, inputResponses: { 'ask-1': name('Ada') } })).result.resultType).toBe('complete');
  });

  it('gives the end of a call that its client was not there to hear to whoever may come for it, once', async () => {
    const one = await send(first, { name: 'ask_and_withdraw' });
    expect(one.result.resultType).toBe('input_required');
    legacy.withdraw();
    await until(() => entries().includes('outcome'), 'the outcome');
    const again = { name: 'ask_and_withdraw', requestState: one.result.requestState, inputResponses: answerOf(one.result, 'late') };
    expect((await send(second, again, { key: edges.other.key })).error).toEqual(INVALID);
    expect(await send(second, again, { id: 9 })).toMatchObject({ id: 9, result: { resultType: 'complete', content: [{ text: 'withdrawn' }] } });
    expect((await send(second, again)).error).toEqual(INVALID);
    expect(entries()).toEqual(['intent', 'outcome', 'denied -32602', 'denied -32602']);
  });

  it('ends a call whose client comes back without answers for ever', async () => {
    let last = await send(first, { name: 'ask' });
    for (let round = 1; last.result && round < 70; round++) last = await send(first, { name: 'ask', requestState: last.result.requestState });
    expect(last.error).toMatchObject({ code: -31499 });
    expect(entries()).toEqual(['intent', 'outcome cancelled']);
  });

  it('ends the oldest of too many calls that nobody answers, and asks for new ones all the same', async () => {
    const states: string[] = [];
    for (let call = 0; call < 20; call++) states.push((await send(first, { name: 'ask' })).result.requestState);
    await until(() => entries().filter((phase) => phase === 'outcome cancelled').length >= 5, 'the outcomes');
    const go = (requestState: string) => send(first, { name: 'ask', requestState, inputResponses: { 'ask-1': name('Ada') } });
    expect((await go(states[0]!)).error).toEqual(INVALID);
    for (const state of states.slice(-15)) expect((await go(state)).result.resultType).toBe('complete');
  });

  it('turns the demand to visit a URL first into a question, after which the call is made again', async () => {
    const capabilities = { elicitation: { url: {} } };
    const one = await send(first, { name: 'visit' }, { capabilities });
    expect(one.result).toMatchObject({ resultType: 'input_required', inputRequests: { 'log-in': { method: 'elicitation/create', params: { mode: 'url', message: 'Log in', url: 'https://example.com/login' } } } });
    const again = { name: 'visit', requestState: one.result.requestState, inputResponses: { 'log-in': { action: 'accept' } } };
    expect((await send(first, { name: 'visit' }, { capabilities: {} })).result).toMatchObject({ isError: true, content: [{ text: expect.stringContaining('https://example.com/login') }] });
    legacy.visited = true;
    expect((await send(second, again, { capabilities })).result).toMatchObject({ resultType: 'complete', content: [{ text: 'been there' }] });
    expect((await send(second, again, { key: edges.other.key, capabilities })).error).toEqual(INVALID);
  });

  it('counts a call against its limits once, however many rounds it takes', async () => {
    const limit = limitConfig.parse({ organization: 'acme', name: 'few', tool: 'old/ask_twice', calls: 1, per: 'day' });
    first.registry.change('acme', (view) => ({ ...view, limits: [limit] }));
    await until(async () => (await send(first, { name: 'ask_twice' })).error?.code === -31429, 'the limit');
    first.registry.change('acme', (view) => ({ ...view, limits: [{ ...limit, calls: 2 }] }));
    let one: Awaited<ReturnType<typeof send>> | undefined;
    await until(async () => (one = await send(first, { name: 'ask_twice' })).error === undefined, 'the new limit');
    const two = await send(first, { name: 'ask_twice', requestState: one!.result.requestState, inputResponses: answerOf(one!.result, 'a') });
    const three = await send(first, { name: 'ask_twice', requestState: two.result.requestState, inputResponses: answerOf(two.result, 'b') });
    expect(three.result.resultType).toBe('complete');
    first.registry.change('acme', (view) => ({ ...view, limits: [] }));
  });

  it('ends with the edge that holds it: the outcome says so, and other edges don’t know its state', async () => {
    const one = await send(second, { name: 'ask' });
    await second.stop();
    expect(entries()).toEqual(['intent', 'outcome cancelled']);
    expect((await send(first, { name: 'ask', requestState: one.result.requestState, inputResponses: answerOf(one.result, 'Ada') })).error).toEqual(INVALID);
  });
});

function answerOf(result: Result, value: string): Record<string, unknown> {
  return Object.fromEntries(Object.keys(result.inputRequests).map((key) => [key, { action: 'accept', content: { name: value } }]));
}
