import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { organization, request, server, until } from '../edge.fixture.js';
import { StreamReader, TwoEdges } from '../session/watching.fixture.js';

describe('what the gateway answers by itself', () => {
  const edges = new TwoEdges();

  beforeAll(async () => {
    await edges.start({ maxSessionsPerPrincipal: 3 });
    // More than one page of tools.
    const tools = Array.from({ length: 5_001 }, (_, i) => `tool_${String(i).padStart(5, '0')}`);
    edges.one.registry.change('acme', (view) => ({ ...view, servers: [...view.servers, server('acme', 'many', tools)], routes: organization().routes }));
    for (const edge of [edges.one, edges.two]) await until(async () => (await list(edges.agent.key, {}, 'tools/list', edge)).body.result['nextCursor'] !== undefined, 'the long list');
  });
  afterAll(() => edges.close());
  beforeEach(() => void (edges.one.entries.written.length = 0));

  const list = (key: string, params: object = {}, method = 'tools/list', edge = edges.one, where = '/mcp') => edge.post(key, request(method, params), {}, where);

  describe('cursors', () => {
    it('lead to the next page at any edge', async () => {
      const { nextCursor } = (await list(edges.agent.key)).body.result as unknown as { nextCursor: string };
      const { tools } = (await list(edges.agent.key, { cursor: nextCursor }, 'tools/list', edges.two)).body.result as unknown as { tools: unknown[] };
      expect(tools.length).toBeGreaterThan(0);
    });

    it('of another caller, list or route are answered like one that never was', async () => {
      const { nextCursor: cursor } = (await list(edges.agent.key)).body.result as unknown as { nextCursor: string };
      const unknown = await list(edges.agent.key, { cursor: 'bm9uZQ' });
      expect(unknown.body.error.code).toBe(-32602);
      const answers = [await list(edges.other.key, { cursor }), await list(edges.agent.key, { cursor }, 'prompts/list'), await list(edges.agent.key, { cursor }, 'tools/list', edges.one, '/mcp/both'), await list(edges.agent.key, { cursor: `${cursor}x` }), await list(edges.agent.key, { cursor: '' }), await list(edges.agent.key, { cursor: 1 })];
      for (const { status, text } of answers) expect({ status, text }).toEqual({ status: 200, text: unknown.text });
    });
  });

  describe('request ids', () => {
    it.each([['a string', '"x"'], ['an empty string', '""'], ['zero', '0'], ['a negative integer', '-7'], ['the largest integer', '9007199254740991']])('may be %s, and come back as they were', async (_what, id) => {
      const { text } = await edges.one.post(edges.agent.key, `{"jsonrpc":"2.0","id":${id},"method":"ping"}`);
      expect(text).toBe(`{"jsonrpc":"2.0","id":${id},"result":{}}`);
    });

    it.each([['null', 'null'], ['a fraction', '1.5'], ['a boolean', 'true'], ['an array', '[1]'], ['an object', '{}'], ['an integer beyond the safe ones', '9007199254740993'], ['a very long string', `"${'x'.repeat(1_025)}"`]])('may not be %s: 400, and an error without id', async (_what, id) => {
      const { status, body } = await edges.one.post(edges.agent.key, `{"jsonrpc":"2.0","id":${id},"method":"ping"}`);
      expect({ status, id: body.id, code: body.error.code }).toEqual({ status: 400, id: null, code: -32600 });
    });

    it('on a notification make it a request, which is answered as one', async () => {
      const { status, body } = await edges.one.post(edges.agent.key, request('notifications/initialized'));
      expect({ status, code: body.error.code }).toEqual({ status: 200, code: -32601 });
    });
  });

  it.each([
    ['brackets', '['.repeat(200_000)],
    ['closed brackets', '['.repeat(200_000) + ']'.repeat(200_000)],
    ['objects', '{"a":'.repeat(200_000)],
  ])('200,000 nested %s are refused without harm', async (_what, body) => {
    const { status, body: answer } = await edges.one.post(edges.agent.key, body);
    expect({ status, jsonrpc: (answer as unknown as { jsonrpc: string }).jsonrpc }).toEqual({ status: 400, jsonrpc: '2.0' });
    expect((await edges.one.post(edges.agent.key, request('ping'))).status).toBe(200);
  });

  it('a batch is refused whole, in the revision that knew batches too', async () => {
    const batch = [request('ping', {}, 1), request('tools/call', { name: 'files__read_file' }, 2)];
    for (const version of ['2024-11-05', '2025-03-26', '2025-11-25', '2026-07-28']) {
      const { status, body } = await edges.one.post(edges.agent.key, batch, { 'mcp-protocol-version': version });
      expect({ status, code: body.error.code }).toEqual({ status: 400, code: -32600 });
    }
    expect(edges.one.runner.calls).toEqual([]);
  });

  it('an unknown version is told which are known, an unknown method that it is unknown', async () => {
    expect(await edges.one.post(edges.agent.key, request('ping'), { 'mcp-protocol-version': '2031-01-01' })).toMatchObject({ status: 400, body: { error: { code: -32022, data: { requested: '2031-01-01' } } } });
    expect(await edges.one.post(edges.agent.key, request('no/such'))).toMatchObject({ status: 200, body: { error: { code: -32601 } } });
  });

  describe('sessions', () => {
    it('may be ended at any edge, which ends their streams at every edge', async () => {
      const session = await edges.initialize();
      const stream = await (await StreamReader.get(edges.one, edges.agent.key, session)).primed();
      expect((await fetch(`${edges.two.url}/mcp`, { method: 'DELETE', headers: { authorization: `Bearer ${edges.agent.key}`, 'mcp-session-id': session } })).status).toBe(204);
      await until(() => stream.ended, 'the end of the stream');
      expect((await edges.one.post(edges.agent.key, request('ping'), { 'mcp-session-id': session })).status).toBe(404);
    });

    it('beyond the bound are answered with 503, Retry-After and a JSON-RPC error while all are in use', async () => {
      const streams: StreamReader[] = [];
      for (let i = 0; i < 3; i++) streams.push(await (await StreamReader.get(edges.one, edges.other.key, await edges.initialize(edges.one, edges.other.key))).primed());
      const { status, headers, body } = await edges.one.post(edges.other.key, request('initialize', { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'c', version: '1' } }));
      expect({ status, retry: headers.get('retry-after'), code: body.error.code }).toEqual({ status: 503, retry: '2', code: -31503 });
      for (const stream of streams) stream.drop();
    });

    it('let a request be cancelled through another edge, by its own client only', async () => {
      edges.one.runner.answer = () => new Promise(() => undefined);
      const session = await edges.initialize();
      const before = edges.one.runner.calls.length;
      const call = edges.one.post(edges.agent.key, request('tools/call', { name: 'files__read_file' }, 'x'), { 'mcp-session-id': session, accept: 'application/json' });
      await until(() => edges.one.runner.calls.length > before);
      const cancel = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'x' } };
      expect((await edges.two.post(edges.agent.key, cancel, { 'mcp-session-id': await edges.initialize() })).status).toBe(202);
      expect((await edges.two.post(edges.other.key, cancel)).status).toBe(202);
      expect(edges.one.runner.cancelled).toEqual([]);
      expect((await edges.two.post(edges.agent.key, cancel, { 'mcp-session-id': session })).status).toBe(202);
      expect((await call).body.error.code).toBe(-31499);
      expect(edges.one.runner.cancelled).toHaveLength(1);
    });
  });
});
