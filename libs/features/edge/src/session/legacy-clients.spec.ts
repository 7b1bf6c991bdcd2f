import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { ToolListChangedNotificationSchema, type Progress } from '@modelcontextprotocol/sdk/types.js';
import { registryChanged } from '@mcpgw/contracts';
import { echo, organization, request, server, TestEdge, until, type TestKey } from '../edge.fixture.js';

describe('legacy clients', () => {
  const edge = new TestEdge();
  let agent: TestKey;
  let other: TestKey;
  const clients: Client[] = [];

  beforeAll(async () => {
    edge.registry.views.set('acme', organization());
    agent = edge.addKey('acme', 'agent');
    other = edge.addKey('acme', 'other');
    await edge.start({ keepAliveSeconds: 0.05, maxStreamsPerPrincipal: 2 });
  });
  afterAll(async () => {
    await Promise.all(clients.map((client) => client.close()));
    await edge.close();
  });
  beforeEach(() => {
    edge.runner.answer = echo;
    edge.entries.written.length = 0;
  });

  async function connect(key = agent.key, where = '/mcp'): Promise<{ client: Client; transport: StreamableHTTPClientTransport }> {
    const transport = new StreamableHTTPClientTransport(new URL(edge.url + where), { requestInit: { headers: { authorization: `Bearer ${key}` } } });
    const client = new Client({ name: 'spec-client', version: '1' });
    clients.push(client);
    await client.connect(transport);
    return { client, transport };
  }

  async function initialize(key = agent.key, protocolVersion = '2025-11-25'): Promise<string> {
    const { headers, body } = await edge.post(key, request('initialize', { protocolVersion, capabilities: {}, clientInfo: { name: 'c', version: '1' } }));
    expect(body.result).toMatchObject({ protocolVersion });
    return headers.get('mcp-session-id') ?? '';
  }

  it('serve the SDK of the session era: handshake, lists, calls, reads, prompts, completion', async () => {
    const { client, transport } = await connect();
    expect(transport.sessionId).toMatch(/^[\x21-\x7e]+$/);
    expect(client.getServerCapabilities()).toEqual({ tools: { listChanged: true }, prompts: { listChanged: true }, resources: { listChanged: true }, completions: {} });
    expect(client.getInstructions()).toContain('# files\nHow to use files.');
    expect((await client.listTools()).tools).toHaveLength(3);
    expect((await client.listResources()).resources.map(({ uri }) => uri)).toEqual(['crm+note://crm/1', 'files+note://files/1']);
    expect((await client.listResourceTemplates()).resourceTemplates).toHaveLength(2);
    expect((await client.listPrompts()).prompts.map(({ name }) => name)).toEqual(['crm__greet', 'files__greet']);
    expect(await client.callTool({ name: 'files__read_file', arguments: { path: 'x' } })).toMatchObject({ content: [{ type: 'text' }] });
    expect((await client.readResource({ uri: 'files+note://files/1' })).contents).toHaveLength(1);
    expect((await client.getPrompt({ name: 'files__greet' })).messages).toHaveLength(1);
    expect((await client.complete({ ref: { type: 'ref/prompt', name: 'files__greet' }, argument: { name: 'who', value: 'o' } })).completion.values).toEqual(['one', 'two']);
    await client.ping();
    expect(edge.entries.of('initialize')).toMatchObject([{ phase: 'outcome', client: { era: 'legacy', protocolVersion: '2025-11-25', name: 'spec-client' } }]);
    expect(edge.entries.of('tools/list')).toMatchObject([{ phase: 'outcome', client: { name: 'spec-client' } }]);
  });

  it('relay progress ahead of the answer', async () => {
    edge.runner.answer = async (call) => {
      const { progressToken } = call.params['_meta'] as { progressToken: number };
      call.event('notifications/progress', { progressToken, progress: 1, total: 2 });
      call.event('notifications/progress', { progressToken, progress: 2, total: 2 });
      return echo(call);
    };
    const { client } = await connect();
    const seen: Progress[] = [];
    await client.callTool({ name: 'files__read_file', arguments: {} }, undefined, { onprogress: (progress) => seen.push(progress) });
    expect(seen).toEqual([{ progress: 1, total: 2 }, { progress: 2, total: 2 }]);
  });

  it('cancel a call, which stops it upstream and ends in an outcome', async () => {
    edge.runner.answer = () => new Promise(() => undefined);
    const { client } = await connect();
    const stop = new AbortController();
    const before = edge.runner.calls.length;
    const call = client.callTool({ name: 'files__read_file', arguments: {} }, undefined, { signal: stop.signal });
    call.catch(() => undefined);
    await until(() => edge.runner.calls.length > before);
    stop.abort('enough');
    await expect(call).rejects.toThrow(/enough/);
    await until(() => edge.runner.cancelled.includes(edge.runner.calls.at(-1)?.callId ?? ''), 'the cancellation to reach the runner');
    await until(() => edge.entries.of('tools/call').length === 2, 'the outcome');
    expect(edge.entries.of('tools/call')[1]).toMatchObject({ phase: 'outcome', outcome: { status: 'error', code: 'cancelled' } });
  });

  it('cancel upstream when they go away', async () => {
    edge.runner.answer = () => new Promise(() => undefined);
    const before = edge.runner.calls.length;
    const stop = new AbortController();
    const call = fetch(`${edge.url}/mcp`, { method: 'POST', signal: stop.signal, headers: { 'content-type': 'application/json', authorization: `Bearer ${agent.key}` }, body: JSON.stringify(request('tools/call', { name: 'files__read_file' })) });
    call.catch(() => undefined);
    await until(() => edge.runner.calls.length > before);
    stop.abort();
    await until(() => edge.runner.cancelled.includes(edge.runner.calls.at(-1)?.callId ?? ''));
  });

  it('are kept connected by an event stream while a call takes long', async () => {
    let finish = (): void => undefined;
    edge.runner.answer = (call) => new Promise((resolve) => (finish = () => resolve(echo(call))));
    const response = await fetch(`${edge.url}/mcp`, { method: 'POST', headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', authorization: `Bearer ${agent.key}` }, body: JSON.stringify(request('tools/call', { name: 'files__read_file' })) });
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    finish();
    expect(await response.text()).toMatch(/event: message\ndata: {"jsonrpc":"2.0","id":1,"result":/);
  });

  it.each(['2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25'])('negotiate %s', async (version) => {
    expect(await initialize(agent.key, version)).not.toBe('');
  });

  it('are offered our latest version when they ask for one that we do not know', async () => {
    const { body } = await edge.post(agent.key, request('initialize', { protocolVersion: '1999-01-01', capabilities: {}, clientInfo: { name: 'c', version: '1' } }));
    expect(body.result).toMatchObject({ protocolVersion: '2025-11-25' });
  });

  describe('sessions', () => {
    it('serve their owner and nobody else; another sees an unknown session', async () => {
      const session = await initialize();
      expect((await edge.post(agent.key, request('ping'), { 'mcp-session-id': session })).status).toBe(200);
      const stolen = await edge.post(other.key, request('ping'), { 'mcp-session-id': session });
      const unknown = await edge.post(other.key, request('ping'), { 'mcp-session-id': 'x'.repeat(session.length) });
      expect(stolen.status).toBe(404);
      expect(stolen.text).toBe(unknown.text);
    });

    it('are refused when one character is another', async () => {
      const session = await initialize();
      const altered = (session.startsWith('A') ? 'B' : 'A') + session.slice(1);
      expect((await edge.post(agent.key, request('ping'), { 'mcp-session-id': altered })).status).toBe(404);
    });

    it('end with DELETE', async () => {
      const session = await initialize();
      const headers = { authorization: `Bearer ${agent.key}`, 'mcp-session-id': session };
      expect((await fetch(`${edge.url}/mcp`, { method: 'DELETE', headers })).status).toBe(204);
      expect((await edge.post(agent.key, request('ping'), { 'mcp-session-id': session })).status).toBe(404);
      expect((await fetch(`${edge.url}/mcp`, { method: 'DELETE', headers })).status).toBe(404);
    });

    it('survive a restart of the edge', async () => {
      const session = await initialize();
      await edge.stop();
      await edge.start({ keepAliveSeconds: 0.05, maxStreamsPerPrincipal: 2 });
      expect((await edge.post(agent.key, request('ping'), { 'mcp-session-id': session })).status).toBe(200);
    });

    it('do not let another cancel a call by its id', async () => {
      let finish = (): void => undefined;
      edge.runner.answer = (call) => new Promise((resolve) => (finish = () => resolve(echo(call))));
      const before = edge.runner.calls.length;
      const call = edge.post(agent.key, request('tools/call', { name: 'files__read_file' }, 77), { accept: 'application/json' });
      await until(() => edge.runner.calls.length > before);
      expect((await edge.post(other.key, { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 77 } })).status).toBe(202);
      finish();
      expect((await call).body.result).toBeDefined();
    });
  });

  describe('GET streams', () => {
    const open = (session: string, key = agent.key): Promise<Response> => fetch(`${edge.url}/mcp`, { headers: { accept: 'text/event-stream', authorization: `Bearer ${key}`, 'mcp-session-id': session } });

    it('tell that what the client sees has changed, and only then', async () => {
      const { client } = await connect();
      let changes = 0;
      client.setNotificationHandler(ToolListChangedNotificationSchema, () => void changes++);
      await until(() => Number(edge.health.status().details['streams']) > 0, 'the stream');
      edge.registry.change('acme', (view) => ({ ...view, consumers: [...view.consumers] }));
      edge.registry.change('acme', (view) => ({ ...view, servers: [...view.servers, server('acme', 'new', ['fresh'])] }));
      edge.bus.publish(registryChanged, { organization: 'acme' as never, revision: 0 });
      await until(() => changes === 1, 'the notification');
      expect((await client.listTools()).tools.map(({ name }) => name)).toContain('new__fresh');
      edge.policy.change((roles, _action, _server, target) => roles.length > 0 && target !== 'fresh');
      await until(() => changes === 2, 'the second notification');
    });

    it('need a session; without one GET and DELETE are not allowed', async () => {
      for (const method of ['GET', 'DELETE']) {
        const response = await fetch(`${edge.url}/mcp`, { method, headers: { accept: 'text/event-stream', 'mcp-protocol-version': '2025-11-25', authorization: `Bearer ${agent.key}` } });
        expect({ status: response.status, allow: response.headers.get('allow') }).toEqual({ status: 405, allow: 'POST' });
        expect(await response.json()).toMatchObject({ jsonrpc: '2.0', error: { code: -32600 } });
      }
      expect((await fetch(`${edge.url}/mcp`, { headers: { accept: 'text/event-stream' } })).status).toBe(401);
    });

    it('of one principal are few: the oldest ends when one more comes', async () => {
      const sessions = await Promise.all([initialize(other.key), initialize(other.key), initialize(other.key)]);
      const first = await open(sessions[0] as string, other.key);
      const second = await open(sessions[1] as string, other.key);
      const third = await open(sessions[2] as string, other.key);
      await first.text();
      expect([second, third].map(({ status }) => status)).toEqual([200, 200]);
      await Promise.all([second.body?.cancel(), third.body?.cancel()]);
    });

    it('end when the key is revoked', async () => {
      const doomed = edge.addKey('acme', 'agent');
      await until(async () => (await edge.post(doomed.key, request('ping'))).status === 200);
      const stream = await open(await initialize(doomed.key), doomed.key);
      expect(stream.status).toBe(200);
      edge.registry.change('acme', (view) => ({ ...view, keys: view.keys.filter(({ id }) => id !== doomed.id) }));
      await stream.text();
    });
  });
});
