import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { ResourceUpdatedNotificationSchema, ToolListChangedNotificationSchema, type Progress } from '@modelcontextprotocol/sdk/types.js';
import { registryChanged } from '@mcpgw/contracts';
import { echo, request, server, until, type TestEdge } from '../edge.fixture.js';
import { StreamReader, TwoEdges } from './watching.fixture.js';

describe('clients of HTTP+SSE (2024-11-05)', () => {
  const edges = new TwoEdges();
  const clients: Client[] = [];

  beforeAll(() => edges.start({ keepAliveSeconds: 0.05 }));
  afterAll(async () => {
    await Promise.all(clients.map((client) => client.close()));
    await edges.close();
  });
  beforeEach(() => {
    edges.one.runner.answer = echo;
    edges.one.entries.written.length = 0;
  });

  /** The SDK's client, whose POSTs reach the edge that `toWhere` says: there may be a proxy that gives each request to any edge. */
  async function connect(toWhere: () => TestEdge = () => edges.one, where = '/mcp'): Promise<Client> {
    const headers = { authorization: `Bearer ${edges.agent.key}` };
    const transport = new SSEClientTransport(new URL(edges.one.url + where), {
      requestInit: { headers },
      eventSourceInit: { fetch: (url, init) => fetch(url, { ...init, headers: { ...Object.fromEntries(new Headers(init.headers)), ...headers } }) },
      fetch: (url, init) => fetch(init?.method === 'POST' ? String(url).replace(edges.one.url, toWhere().url) : url, init),
    });
    const client = new Client({ name: 'old', version: '1' });
    clients.push(client);
    await client.connect(transport);
    return client;
  }

  /** The first event: where to POST. */
  async function endpoint(stream: StreamReader): Promise<string> {
    await until(() => stream.events.length > 0, 'the endpoint');
    expect(stream.events[0]?.event).toBe('endpoint');
    return stream.events[0]?.data ?? '';
  }

  const get = (key = edges.agent.key, headers: Record<string, string> = {}): Promise<StreamReader> => StreamReader.open(`${edges.one.url}/mcp`, { headers: { accept: 'text/event-stream', authorization: `Bearer ${key}`, ...headers } });

  it.each([
    ['one edge', () => edges.one],
    ['edges in turn', inTurn(edges)],
  ])('are served on %s: handshake, lists, calls with progress, reads', async (_where, toWhere) => {
    const seen: Progress[] = [];
    edges.one.runner.answer = async (call) => {
      const { progressToken } = (call.params['_meta'] ?? {}) as { progressToken?: number };
      if (progressToken !== undefined) call.event('notifications/progress', { progressToken, progress: 1 });
      // The SDK drops progress that it reads together with the answer.
      await until(() => progressToken === undefined || seen.length > 0, 'the progress');
      return echo(call);
    };
    const client = await connect(toWhere);
    expect(client.getServerCapabilities()).toMatchObject({ tools: { listChanged: true } });
    expect((await client.listTools()).tools.map(({ name }) => name)).toContain('files__read_file');
    expect(await client.callTool({ name: 'files__read_file', arguments: { path: 'x' } }, undefined, { onprogress: (each) => seen.push(each) })).toMatchObject({ content: [{ type: 'text' }] });
    expect(seen).toEqual([{ progress: 1 }]);
    expect((await client.readResource({ uri: 'files+note://files/1' })).contents).toHaveLength(1);
    await client.ping();
    await expect(client.callTool({ name: 'no_such_tool', arguments: {} })).rejects.toMatchObject({ code: -32602 });
    expect(edges.one.entries.of('tools/call')[0]).toMatchObject({ phase: 'intent', client: { era: 'legacy', name: 'old' } });
  });

  it('are served on a route', async () => {
    const client = await connect(undefined, '/mcp/plain');
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(['read_file']);
  });

  it('hear of changed lists and resources on the same stream', async () => {
    const client = await connect(inTurn(edges));
    const heard: string[] = [];
    client.setNotificationHandler(ToolListChangedNotificationSchema, () => void heard.push('tools'));
    client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => void heard.push(params.uri));
    await client.subscribeResource({ uri: 'files+note://files/1' });
    await until(() => edges.watchedUris.includes('note://files/1'), 'the watch');
    edges.updated('note://files/1');
    await until(() => heard.includes('files+note://files/1'), 'the news');
    edges.one.registry.change('acme', (view) => ({ ...view, servers: [...view.servers, server('acme', 'new', ['fresh'])] }));
    edges.one.bus.publish(registryChanged, { organization: 'acme' as never, revision: 0 });
    await until(() => heard.includes('tools'), 'the changed list');
  });

  it('cancel a call through any edge', async () => {
    edges.one.runner.answer = () => new Promise(() => undefined);
    const client = await connect(inTurn(edges));
    const stop = new AbortController();
    const before = edges.one.runner.calls.length;
    const call = client.callTool({ name: 'files__read_file', arguments: {} }, undefined, { signal: stop.signal });
    call.catch(() => undefined);
    await until(() => edges.one.runner.calls.length > before);
    stop.abort('enough');
    await until(() => edges.one.runner.cancelled.includes(edges.one.runner.calls.at(-1)?.callId ?? ''), 'the cancellation');
  });

  it.each([
    ['the edge that has the stream', () => edges.one],
    ['another edge', () => edges.two],
  ])('cancel what runs at %s when their stream ends, and their session is over', async (_where, where) => {
    edges.one.runner.answer = () => new Promise(() => undefined);
    const stream = await get();
    const url = where().url + (await endpoint(stream));
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${edges.agent.key}` };
    const before = edges.one.runner.calls.length;
    const post = (body: object): Promise<Response> => fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
    expect((await post(request('tools/call', { name: 'files__read_file' }))).status).toBe(202);
    await until(() => edges.one.runner.calls.length > before);
    stream.drop();
    await until(() => edges.one.runner.cancelled.includes(edges.one.runner.calls.at(-1)?.callId ?? ''), 'the cancellation');
    await until(async () => (await post(request('ping'))).status === 404, 'the end of the session');
  });

  it('are refused on the POST itself, with a JSON-RPC error: no key, another\'s session, an unknown one, a broken body', async () => {
    const stream = await get();
    const where = await endpoint(stream);
    const { one, agent, other } = edges;
    const answers = [
      await one.post(undefined, request('ping'), {}, where),
      await one.post(other.key, request('ping'), {}, where),
      await one.post(agent.key, request('ping'), {}, where.replace('sessionId=', 'sessionId=x')),
      await one.post(agent.key, '{', {}, where),
    ];
    expect(answers.map(({ status, body }) => [status, body.error.code])).toEqual([[401, -31401], [404, -32602], [404, -32602], [400, -32700]]);
    expect(stream.messages.length).toBe(0);
    stream.drop();
  });

  it('are told apart from newer clients, whose GET without a session is not allowed', async () => {
    const { response } = await get(edges.agent.key, { 'mcp-protocol-version': '2025-06-18' });
    expect({ status: response.status, allow: response.headers.get('allow') }).toEqual({ status: 405, allow: 'POST' });
    expect((await get('mcpgw_unknown')).response.status).toBe(401);
  });

  it('that turn out to be modern ones are answered on their POST', async () => {
    const stream = await get();
    const where = await endpoint(stream);
    const meta = { 'io.modelcontextprotocol/protocolVersion': '2026-07-28', 'io.modelcontextprotocol/clientCapabilities': {} };
    const { status, body } = await edges.one.post(edges.agent.key, request('server/discover', { _meta: meta }), { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'server/discover' }, where);
    expect({ status, versions: body.result['supportedVersions'] }).toEqual({ status: 200, versions: ['2026-07-28'] });
    stream.drop();
  });

  it('may not send their answers elsewhere: an edge that is none of ours is no address', async () => {
    const stream = await get();
    const where = await endpoint(stream);
    for (const edge of ['*', 'a.b', '>', '']) expect((await edges.one.post(edges.agent.key, request('ping'), {}, where.replace(/edge=.*/, `edge=${encodeURIComponent(edge)}`))).status).toBe(200);
    expect(stream.messages).toEqual([]);
    stream.drop();
  });
});

function inTurn(edges: TwoEdges): () => TestEdge {
  let turn = 0;
  return () => (turn++ % 2 === 0 ? edges.two : edges.one);
}
