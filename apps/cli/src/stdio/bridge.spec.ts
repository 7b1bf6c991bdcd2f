import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { StdioBridge } from './bridge.js';
import { EdgeLink } from './edge-link.js';
import { BridgeUnderTest, FakeEdge, MODERN, sendJson, sse } from './fake-edge.fixture.js';

describe('the stdio bridge', () => {
  let test: BridgeUnderTest;
  let edge: FakeEdge;

  beforeEach(async () => {
    test = await new BridgeUnderTest().open();
    edge = test.edge;
  });
  afterEach(() => test.close());

  const say = (message: object): Promise<void> => test.say(message);
  const answer = (id: unknown): Promise<Record<string, unknown>> => test.answer(id);
  const handshake = (): Promise<void> => test.handshake();

  it('keeps the session of a legacy client and carries each request once', async () => {
    await handshake();
    await say({ id: 1, method: 'tools/list' });
    expect(await answer(1)).toEqual({ jsonrpc: '2.0', id: 1, result: { echo: 'tools/list' } });
    const posts = edge.seen.filter(({ method }) => method === 'POST');
    expect(posts.map(({ body, headers }) => [body?.method, headers['mcp-session-id'], headers['mcp-protocol-version']].map(String).join(' '))).toEqual([
      'initialize undefined undefined',
      'notifications/initialized session-1 2025-11-25',
      'tools/list session-1 2025-11-25',
    ]);
  });

  it('opens a new session when the old one is over, and the client notices nothing', async () => {
    await handshake();
    await say({ id: 1, method: 'resources/subscribe', params: { uri: 'file:///a' } });
    await answer(1);
    edge.sessions.clear();
    await Promise.all([say({ id: 2, method: 'tools/list' }), say({ id: 3, method: 'prompts/list' })]);
    expect((await answer(2))['result']).toEqual({ echo: 'tools/list' });
    expect((await answer(3))['result']).toEqual({ echo: 'prompts/list' });
    expect(test.lines.filter((line) => line['id'] !== 0 && ![1, 2, 3].includes(line['id'] as number))).toEqual([]);
    expect(edge.seen.filter(({ body }) => body?.method === 'initialize')).toHaveLength(2);
    expect(edge.seen.filter(({ body }) => body?.method === 'resources/subscribe')).toHaveLength(2);
  });

  it('takes an error about the request itself for an answer, not for the end of the session', async () => {
    await handshake();
    edge.handle = ({ body }, reply) => sendJson(reply, { jsonrpc: '2.0', id: body?.id, error: { code: -32601, message: 'Method not found' } }, 404);
    await say({ id: 1, method: 'nothing' });
    expect(await answer(1)).toMatchObject({ error: { code: -32601 } });
    expect(edge.seen.filter(({ body }) => body?.method === 'initialize')).toHaveLength(1);
  });

  it('relays progress while the call still runs', async () => {
    await handshake();
    let finish = (): void => {};
    edge.handle = ({ body }, reply) => {
      reply.writeHead(200, { 'content-type': 'text/event-stream' }).write(sse({ jsonrpc: '2.0', method: 'notifications/progress', params: { progress: 1 } }));
      finish = () => reply.end(sse({ jsonrpc: '2.0', id: body?.id, result: { done: true } }));
    };
    await say({ id: 1, method: 'tools/call', params: { name: 'a__b' } });
    await test.line((line) => line['method'] === 'notifications/progress');
    expect(test.lines.some((line) => line['id'] === 1)).toBe(false);
    finish();
    expect((await answer(1))['result']).toEqual({ done: true });
  });

  it('passes what the gateway sends on its own, and the answers of the client to it', async () => {
    edge.get = (reply) => reply.writeHead(200, { 'content-type': 'text/event-stream' }).write(sse({ jsonrpc: '2.0', id: 'ask-1', method: 'elicitation/create', params: {} }));
    await handshake();
    await test.line((line) => line['method'] === 'elicitation/create');
    await say({ id: 'ask-1', result: { action: 'decline' } });
    await say({ id: 9, method: 'ping' });
    await answer(9);
    expect(edge.seen.some(({ body, headers }) => body?.id === 'ask-1' && headers['mcp-session-id'] === 'session-1')).toBe(true);
  });

  it('adds the headers of a modern message and shows the route', async () => {
    const lines: Record<string, unknown>[] = [];
    const routed = new StdioBridge(new EdgeLink(() => ({ endpoint: { url: test.url }, key: test.key }), 'support'), async (line) => void lines.push(JSON.parse(line) as Record<string, unknown>), () => {});
    await routed.accept(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'a__grüß', arguments: {}, _meta: MODERN } }));
    await routed.close(5_000);
    expect(lines[0]).toMatchObject({ id: 1, result: { echo: 'tools/call' } });
    expect(edge.seen[0]).toMatchObject({
      url: '/mcp/support',
      headers: { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': `=?base64?${Buffer.from('a__grüß').toString('base64')}?=`, accept: 'application/json, text/event-stream' },
    });
    expect(edge.seen[0]?.headers['mcp-session-id']).toBeUndefined();
  });

  it('cancels a modern request by closing its stream, and answers nothing', async () => {
    let arrived = (): void => {};
    const begun = new Promise<void>((resolve) => (arrived = resolve));
    let gone = (): void => {};
    const closed = new Promise<void>((resolve) => (gone = resolve));
    edge.handle = ({ body }, reply) => {
      if (body?.id !== 1) return sendJson(reply, { jsonrpc: '2.0', id: body?.id, result: {} });
      reply.on('close', gone);
      arrived();
    };
    await say({ id: 1, method: 'tools/call', params: { name: 'a__b', _meta: MODERN } });
    await begun;
    await say({ method: 'notifications/cancelled', params: { requestId: 1 } });
    await closed;
    await say({ id: 2, method: 'tools/list', params: { _meta: MODERN } });
    await answer(2);
    expect(test.lines.filter((line) => line['id'] === 1)).toEqual([]);
    expect(edge.seen.some(({ body }) => body?.method === 'notifications/cancelled')).toBe(false);
  });

  it('cancels a legacy request by telling the gateway, and answers nothing', async () => {
    await handshake();
    let arrived = (): void => {};
    const begun = new Promise<void>((resolve) => (arrived = resolve));
    edge.handle = ({ body }, reply) => (body?.id === 1 ? arrived() : sendJson(reply, { jsonrpc: '2.0', id: body?.id, result: {} }));
    await say({ id: 1, method: 'tools/call', params: { name: 'a__b' } });
    await begun;
    await say({ method: 'notifications/cancelled', params: { requestId: 1 } });
    await say({ id: 2, method: 'ping' });
    await answer(2);
    await test.bridge.close(5_000);
    expect(edge.seen.find(({ body }) => body?.method === 'notifications/cancelled')?.headers['mcp-session-id']).toBe('session-1');
    expect(test.lines.filter((line) => line['id'] === 1)).toEqual([]);
    expect(edge.seen.at(-1)?.method).toBe('DELETE');
  });

  it('answers every request with an error when the gateway can not', async () => {
    edge.handle = ({ body }, reply) => {
      if (body?.id === 1) return reply.destroy() as unknown as void;
      if (body?.id === 2) return void reply.writeHead(200, { 'content-type': 'text/event-stream' }).end(': bye\n\n');
      if (body?.id === 3) return void reply.writeHead(502, { 'content-type': 'text/html' }).end('<h1>proxy</h1>');
      return sendJson(reply, { jsonrpc: '2.0', id: null, error: { code: -32600, message: 'unreadable' } }, 400);
    };
    for (const id of [1, 2, 3, 4]) await say({ id, method: 'tools/list', params: { _meta: MODERN } });
    expect(await answer(1)).toMatchObject({ error: { code: -31503 } });
    expect(await answer(2)).toMatchObject({ error: { code: -31502 } });
    expect(await answer(3)).toMatchObject({ error: { code: -31502, message: 'The gateway answered HTTP 502.' } });
    expect(await answer(4)).toEqual({ jsonrpc: '2.0', id: 4, error: { code: -32600, message: 'unreadable' } });
  });

  it('finds a gateway that restarted elsewhere with another key', async () => {
    await handshake();
    const moved = new FakeEdge();
    moved.key = 'key-2';
    const movedUrl = await moved.listen();
    await edge.close();
    await say({ id: 1, method: 'tools/list' });
    test.url = movedUrl;
    test.key = 'key-2';
    try {
      expect(await answer(1)).toMatchObject({ result: { echo: 'tools/list' } });
    } finally {
      await test.bridge.close(0);
      await moved.close();
    }
  });

  it('uses a new key when the old one is refused', async () => {
    edge.key = 'key-2';
    test.key = 'key-1';
    await say({ id: 1, method: 'tools/list', params: { _meta: MODERN } });
    expect(await answer(1)).toMatchObject({ error: { code: -31401 } });
    test.key = 'key-2';
    await say({ id: 2, method: 'tools/list', params: { _meta: MODERN } });
    expect((await answer(2))['result']).toEqual({ echo: 'tools/list' });
  });

  it('refuses what is no message without passing it on', async () => {
    await test.bridge.accept('{"jsonrpc":');
    await test.bridge.accept('[{"jsonrpc":"2.0","id":1,"method":"ping"}]');
    await test.bridge.accept('{"jsonrpc":"2.0","id":7,"method":5}');
    expect(test.lines.map((line) => [line['id'], (line['error'] as { code: number }).code])).toEqual([[null, -32700], [null, -32600], [7, -32600]]);
    expect(edge.seen).toEqual([]);
  });
});
