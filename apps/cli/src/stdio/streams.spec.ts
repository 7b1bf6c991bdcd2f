import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { BridgeUnderTest, MODERN, sendJson, sse, type FakeEdge } from './fake-edge.fixture.js';

/** Opens an event stream on this reply. */
function stream(reply: ServerResponse, ...events: string[]): void {
  reply.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
  for (const event of events) reply.write(event);
}

const progress = (step: number): object => ({ jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: 1, progress: step } });
const posts = (edge: FakeEdge, name: string): number => edge.seen.filter(({ method, body }) => method === 'POST' && body?.method === name).length;
const places = (edge: FakeEdge): unknown[] => edge.seen.filter(({ method }) => method === 'GET').map(({ headers }) => headers['last-event-id']);

describe('streams through the stdio bridge', () => {
  let test: BridgeUnderTest;
  let edge: FakeEdge;

  beforeEach(async () => {
    test = await new BridgeUnderTest().open();
    edge = test.edge;
  });
  afterEach(() => test.close());

  it('takes up the stream of a call where it broke, and never sends the call again', async () => {
    edge.handle = (_, reply) => {
      stream(reply, 'id: call-0\nretry: 1\ndata: \n\n', sse(progress(1), 'call-1'));
      setImmediate(() => reply.destroy());
    };
    edge.get = (reply, { headers }) => {
      if (headers['last-event-id'] !== 'call-1') return void reply.writeHead(405).end();
      stream(reply, sse(progress(2), 'call-2'), sse({ jsonrpc: '2.0', id: 1, result: { done: true } }, 'call-3'));
      reply.end();
    };
    await test.handshake();
    await test.say({ id: 1, method: 'tools/call', params: { name: 'a__b' } });
    expect((await test.answer(1))['result']).toEqual({ done: true });
    expect(test.lines.filter((line) => line['method'] === 'notifications/progress').map((line) => (line['params'] as { progress: number }).progress)).toEqual([1, 2]);
    expect(posts(edge, 'tools/call')).toBe(1);
    const resumption = edge.seen.find(({ headers }) => headers['last-event-id'] === 'call-1');
    expect(resumption?.headers).toMatchObject({ 'mcp-session-id': 'session-1', 'mcp-protocol-version': '2025-11-25' });
  });

  it('polls a server that closes the stream again and again while it works', async () => {
    let round = 0;
    edge.handle = (_, reply) => {
      stream(reply, 'id: 0\nretry: 1\ndata: \n\n');
      reply.end();
    };
    edge.get = (reply, { headers }) => {
      if (headers['last-event-id'] === undefined) return void reply.writeHead(405).end();
      round += 1;
      stream(reply, round < 15 ? `id: ${round}\ndata: \n\n` : sse({ jsonrpc: '2.0', id: 1, result: { round } }, '15'));
      reply.end();
    };
    await test.handshake();
    await test.say({ id: 1, method: 'tools/call', params: { name: 'a__b' } });
    expect((await test.answer(1))['result']).toEqual({ round: 15 });
    expect(posts(edge, 'tools/call')).toBe(1);
  });

  it('answers with an error when the place is no longer known, and when the stream had none', async () => {
    edge.handle = ({ body }, reply) => {
      stream(reply, body?.id === 1 ? 'id: gone\nretry: 1\ndata: \n\n' : ': nothing to resume\n\n');
      reply.end();
    };
    edge.get = (reply, { headers }) => (headers['last-event-id'] === 'gone' ? sendJson(reply, { jsonrpc: '2.0', id: null, error: { code: -32602, message: 'Unknown' } }, 404) : void reply.writeHead(405).end());
    await test.handshake();
    await test.say({ id: 1, method: 'tools/call', params: { name: 'a__b' } });
    await test.say({ id: 2, method: 'tools/call', params: { name: 'a__b' } });
    expect(await test.answer(1)).toMatchObject({ error: { code: -31502 } });
    expect(await test.answer(2)).toMatchObject({ error: { code: -31502 } });
    expect(posts(edge, 'tools/call')).toBe(2);
  });

  it('takes up the stream of the session where it broke', async () => {
    edge.get = (reply, { headers }) => {
      const second = headers['last-event-id'] === 'standing-7';
      stream(reply, 'retry: 1\n\n', sse({ jsonrpc: '2.0', method: `notifications/${second ? 'prompts' : 'tools'}/list_changed` }, second ? 'standing-8' : 'standing-7'));
      if (!second) setImmediate(() => reply.destroy());
    };
    await test.handshake();
    await test.line((line) => line['method'] === 'notifications/prompts/list_changed');
    expect(places(edge)).toEqual([undefined, 'standing-7']);
    expect(test.lines.filter((line) => line['method'] === 'notifications/tools/list_changed')).toHaveLength(1);
  });

  it('begins the stream of the session anew when the gateway can not take it up', async () => {
    edge.get = (reply, { headers }) => {
      if (headers['last-event-id'] !== undefined) return sendJson(reply, { jsonrpc: '2.0', id: null, error: { code: -32600, message: 'Unknown event' } }, 400);
      stream(reply, 'retry: 1\n\n', sse({ jsonrpc: '2.0', method: 'notifications/tools/list_changed' }, 'lost'));
      if (places(edge).length === 1) setImmediate(() => reply.destroy());
    };
    await test.handshake();
    await test.line(() => test.lines.filter((line) => line['method'] === 'notifications/tools/list_changed').length === 2);
    expect(places(edge)).toEqual([undefined, 'lost', undefined]);
  });

  it('brings a question on the stream of a call to the client and the answer back, though the ids are the same', async () => {
    let answered: (() => void) | undefined;
    edge.handle = ({ body }, reply) => {
      stream(reply, sse({ jsonrpc: '2.0', id: 1, method: 'sampling/createMessage', params: { maxTokens: 1 } }));
      answered = () => reply.end(sse({ jsonrpc: '2.0', id: body?.id, result: { done: true } }));
    };
    await test.handshake();
    await test.say({ id: 1, method: 'tools/call', params: { name: 'a__b' } });
    expect((await test.line((line) => line['method'] === 'sampling/createMessage'))['id']).toBe(1);
    expect(test.lines.some((line) => line['id'] === 1 && line['method'] === undefined)).toBe(false);
    await test.say({ id: 1, result: { role: 'assistant', content: { type: 'text', text: 'hi' }, model: 'm' } });
    answered?.();
    expect((await test.answer(1))['result']).toEqual({ done: true });
    await test.bridge.close(5_000);
    const answer = edge.seen.find(({ body }) => body?.id === 1 && body.method === undefined);
    expect(answer).toMatchObject({ method: 'POST', headers: { 'mcp-session-id': 'session-1' }, body: { result: { model: 'm' } } });
  });

  it('relays a subscription of a modern client until it is cancelled', async () => {
    let gone = (): void => {};
    const closed = new Promise<void>((resolve) => (gone = resolve));
    const notification = (method: string): string => sse({ jsonrpc: '2.0', method, params: { _meta: { 'io.modelcontextprotocol/subscriptionId': 'listen-1' } } });
    edge.handle = (_, reply) => {
      reply.on('close', gone);
      stream(reply, notification('notifications/subscriptions/acknowledged'), ': keep-alive\n\n', notification('notifications/tools/list_changed'));
    };
    await test.say({ id: 'listen-1', method: 'subscriptions/listen', params: { notifications: { toolsListChanged: true }, _meta: MODERN } });
    await test.line((line) => line['method'] === 'notifications/tools/list_changed');
    expect(test.lines.map((line) => line['method'])).toEqual(['notifications/subscriptions/acknowledged', 'notifications/tools/list_changed']);
    await test.say({ method: 'notifications/cancelled', params: { requestId: 'listen-1' } });
    await closed;
    expect(test.lines).toHaveLength(2);
    expect(edge.seen).toHaveLength(1);
  });

  it('passes what a modern server wants to know, and errors of HTTP, as they are', async () => {
    const wanted = { resultType: 'input_required', inputRequests: { 'key of the server': { method: 'roots/list' } }, requestState: 'sealed', unknown: [1] };
    edge.handle = ({ body }, reply) =>
      body?.id === 1 ? sendJson(reply, { jsonrpc: '2.0', id: 1, result: wanted }) : sendJson(reply, { jsonrpc: '2.0', id: body?.id, error: { code: -32021, message: 'Missing', data: { requiredCapabilities: { roots: {} } } } }, 400);
    await test.say({ id: 1, method: 'tools/call', params: { name: 'a__b', _meta: MODERN } });
    expect((await test.answer(1))['result']).toEqual(wanted);
    await test.say({ id: 2, method: 'tools/call', params: { name: 'a__b', inputResponses: {}, requestState: 'sealed', _meta: MODERN } });
    expect((await test.answer(2))['error']).toEqual({ code: -32021, message: 'Missing', data: { requiredCapabilities: { roots: {} } } });
    expect(edge.seen[1]?.body?.params).toEqual({ name: 'a__b', inputResponses: {}, requestState: 'sealed', _meta: MODERN });
  });

  it('repeats arguments as headers where a tool wants it, also one that the client has not listed', async () => {
    const tools = [{ name: 'a__b', inputSchema: { type: 'object', properties: { region: { type: 'string', 'x-mcp-header': 'Region' } } } }];
    edge.handle = ({ body, headers }, reply) => {
      if (body?.method === 'tools/list') return sendJson(reply, { jsonrpc: '2.0', id: body.id, result: body.params?.['cursor'] === 'next' ? { tools } : { tools: [], nextCursor: 'next' } });
      const said = headers['mcp-param-region'];
      return said === 'eu' ? sendJson(reply, { jsonrpc: '2.0', id: body?.id, result: {} }) : sendJson(reply, { jsonrpc: '2.0', id: body?.id, error: { code: -32020, message: 'Header mismatch' } }, 400);
    };
    const call = (id: number): Promise<void> => test.say({ id, method: 'tools/call', params: { name: 'a__b', arguments: { region: 'eu' }, _meta: MODERN } });
    await call(1);
    expect(await test.answer(1)).toMatchObject({ result: {} });
    await call(2);
    expect(await test.answer(2)).toMatchObject({ result: {} });
    expect(edge.seen.map(({ body }) => body?.method)).toEqual(['tools/call', 'tools/list', 'tools/list', 'tools/call', 'tools/call']);
    expect(test.lines.map((line) => line['id'])).toEqual([1, 2]);
  });

  it('holds back a client that floods it with notifications', async () => {
    await test.handshake();
    const held: ServerResponse[] = [];
    let most = 0;
    edge.deliver = (reply) => {
      held.push(reply);
      most = Math.max(most, held.length);
      setImmediate(() => held.shift()?.writeHead(202).end());
    };
    for (let count = 0; count < 300; count++) await test.say({ method: 'notifications/roots/list_changed' });
    await test.bridge.close(5_000);
    expect(posts(edge, 'notifications/roots/list_changed')).toBe(300);
    expect(most).toBeLessThanOrEqual(64);
  });
});
