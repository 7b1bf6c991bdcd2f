import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { LoggingMessageNotificationSchema, ResourceUpdatedNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
import { Client as ModernClient, StreamableHTTPClientTransport as ModernTransport } from '@modelcontextprotocol/client';
import { registryChanged } from '@mcpgw/contracts';
import { echo, request, server, until } from '../edge.fixture.js';
import { StreamReader, TwoEdges } from './watching.fixture.js';

const VERSION = '2026-07-28';
const META = { 'io.modelcontextprotocol/protocolVersion': VERSION, 'io.modelcontextprotocol/clientCapabilities': {} };

describe('subscriptions', () => {
  const edges = new TwoEdges();
  const closing: { close(): Promise<void> }[] = [];

  beforeAll(() => edges.start({ keepAliveSeconds: 0.05, maxStreamsPerPrincipal: 8 }));
  afterAll(async () => {
    await Promise.all(closing.map((client) => client.close()));
    await edges.close();
  });
  beforeEach(async () => {
    edges.one.runner.answer = echo;
    edges.one.entries.written.length = 0;
    edges.one.policy.change((roles) => roles.length > 0);
  });

  async function connect(): Promise<{ client: Client; updated: string[]; session: string }> {
    const transport = new StreamableHTTPClientTransport(new URL(`${edges.one.url}/mcp`), { requestInit: { headers: { authorization: `Bearer ${edges.agent.key}` } } });
    const client = new Client({ name: 'spec', version: '1' });
    closing.push(client);
    const updated: string[] = [];
    client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => void updated.push(params.uri));
    await client.connect(transport);
    return { client, updated, session: transport.sessionId ?? '' };
  }

  function listen(notifications: unknown, { id = 7 as unknown, key = edges.agent.key, edge = edges.one } = {}): Promise<StreamReader> {
    return StreamReader.open(`${edge.url}/mcp`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', authorization: `Bearer ${key}`, 'mcp-protocol-version': VERSION, 'mcp-method': 'subscriptions/listen' },
      body: JSON.stringify({ jsonrpc: '2.0', id, method: 'subscriptions/listen', params: { _meta: META, notifications } }),
    });
  }

  describe('of legacy clients', () => {
    it('tell of a resource that changes, under the name by which the client knows it, until it unsubscribes', async () => {
      const { client, updated } = await connect();
      expect(client.getServerCapabilities()).toMatchObject({ resources: { subscribe: true } });
      await client.subscribeResource({ uri: 'files+note://files/1' });
      await until(() => edges.watchedUris.includes('note://files/1'), 'the watch');
      edges.updated('note://files/1');
      edges.updated('note://files/2');
      await until(() => updated.length > 0, 'the news');
      expect(updated).toEqual(['files+note://files/1']);
      expect(edges.one.entries.of('resources/subscribe')).toMatchObject([{ phase: 'outcome', server: 'files', target: 'note://files/1', decision: { effect: 'permit' }, outcome: { status: 'ok' } }]);
      await client.unsubscribeResource({ uri: 'files+note://files/1' });
      await until(() => !edges.watchedUris.includes('note://files/1'), 'the end of the watch');
    });

    it('reach the stream wherever it is, whichever edge was asked', async () => {
      const { updated, session } = await connect();
      expect((await edges.two.post(edges.agent.key, request('resources/subscribe', { uri: 'files+note://files/9' }), { 'mcp-session-id': session })).body.result).toEqual({});
      await until(() => edges.watchedUris.includes('note://files/9'), 'the watch');
      edges.updated('note://files/9');
      await until(() => updated.includes('files+note://files/9'), 'the news');
    });

    it('are told each change once however many edges hear of it, and the last one always', async () => {
      const { client, updated } = await connect();
      await client.subscribeResource({ uri: 'files+note://files/3' });
      await until(() => edges.watchedUris.includes('note://files/3'), 'the watch');
      for (let i = 0; i < 20; i++) edges.updated('note://files/3');
      await until(() => updated.length === 2, 'the first and the last');
      edges.updated('note://files/3');
      await until(() => updated.length === 3, 'one more');
    });

    it('need what reading needs, and answer to what is not there as to what may not be seen', async () => {
      const session = await edges.initialize();
      const subscribe = (uri: unknown, headers: Record<string, string> = { 'mcp-session-id': session }) => edges.one.post(edges.agent.key, request('resources/subscribe', { uri }), headers);
      edges.one.policy.change((roles, action, name, target) => roles.length > 0 && target !== 'note://files/secret' && action !== 'prompts/get' && name !== 'none');
      const [hidden, missing] = [await subscribe('files+note://files/secret'), await subscribe('nobody+note://files/secret')];
      expect(hidden.body.error).toEqual({ ...missing.body.error, message: missing.body.error.message.replace('nobody', 'files'), data: { uri: 'files+note://files/secret' } });
      expect(edges.one.entries.of('resources/subscribe')).toMatchObject([{ phase: 'denied', outcome: { code: 'not_found' } }, { phase: 'denied', outcome: { code: 'not_found' } }]);
      expect((await subscribe('crm+note://crm/1')).body.error).toMatchObject({ code: -32601 });
      expect((await subscribe(1)).body.error).toMatchObject({ code: -32602 });
      expect((await subscribe('files+note://files/1', {})).body.error).toMatchObject({ code: -32600 });
    });

    it('tell nothing any more once the resource may not be seen', async () => {
      const { client, updated } = await connect();
      await client.subscribeResource({ uri: 'files+note://files/4' });
      await client.subscribeResource({ uri: 'files+note://files/5' });
      await until(() => edges.watchedUris.includes('note://files/5'), 'the watch');
      edges.one.policy.change((roles, _action, _server, target) => roles.length > 0 && target !== 'note://files/4');
      edges.updated('note://files/4');
      edges.updated('note://files/5');
      await until(() => updated.length > 0, 'the news of what may be seen');
      expect(updated).toEqual(['files+note://files/5']);
    });
  });

  describe('of log messages', () => {
    it('have the level that the session was set to, at every edge', async () => {
      edges.one.runner.answer = async (call) => {
        for (const level of ['debug', 'info', 'error']) call.event('notifications/message', { level, data: level });
        return echo(call);
      };
      const { client, session } = await connect();
      const seen: string[] = [];
      client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => void seen.push(params.level));
      await client.callTool({ name: 'files__read_file', arguments: {} });
      expect(seen.splice(0)).toEqual(['info', 'error']);
      await client.setLoggingLevel('debug');
      await client.callTool({ name: 'files__read_file', arguments: {} });
      expect(seen.splice(0)).toEqual(['debug', 'info', 'error']);
      expect((await edges.two.post(edges.agent.key, request('logging/setLevel', { level: 'error' }), { 'mcp-session-id': session })).body.result).toEqual({});
      await client.callTool({ name: 'files__read_file', arguments: {} });
      expect(seen).toEqual(['error']);
      expect((await edges.one.post(edges.agent.key, request('logging/setLevel', { level: 'loud' }), { 'mcp-session-id': session })).body.error).toMatchObject({ code: -32602 });
    });
  });

  describe('of modern clients', () => {
    it('serve the SDK: what changes is told', async () => {
      const client = new ModernClient({ name: 'spec', version: '1' }, { versionNegotiation: { mode: { pin: VERSION } } });
      closing.push(client);
      await client.connect(new ModernTransport(new URL(`${edges.one.url}/mcp`), { requestInit: { headers: { authorization: `Bearer ${edges.agent.key}` } } }));
      expect(client.getServerCapabilities()).toMatchObject({ tools: { listChanged: true }, resources: { listChanged: true, subscribe: true } });
      const heard: string[] = [];
      client.setNotificationHandler('notifications/tools/list_changed', () => void heard.push('tools'));
      client.setNotificationHandler('notifications/resources/updated', ({ params }) => void heard.push(params.uri));
      const subscription = await client.listen({ toolsListChanged: true, resourceSubscriptions: ['files+note://files/6'] });
      await until(() => edges.watchedUris.includes('note://files/6'), 'the watch');
      edges.updated('note://files/6');
      await until(() => heard.includes('files+note://files/6'), 'the news');
      edges.one.registry.change('acme', (view) => ({ ...view, servers: [...view.servers, server('acme', 'new', ['fresh'])] }));
      edges.one.bus.publish(registryChanged, { organization: 'acme' as never, revision: 0 });
      await until(() => heard.includes('tools'), 'the changed list');
      await subscription.close();
      await until(() => !edges.watchedUris.includes('note://files/6'), 'the end of the watch');
    });

    it('are acknowledged first with what is honoured, and told of nothing else; ids keep their type', async () => {
      const stream = await listen({ toolsListChanged: false, promptsListChanged: true, resourceSubscriptions: ['files+note://files/7', 'crm+note://crm/1', 'nobody+x://1'], someday: true }, { id: '7' });
      await stream.until((messages) => messages.length > 0, 'the acknowledgement');
      const meta = { 'io.modelcontextprotocol/subscriptionId': '7' };
      expect(stream.messages).toEqual([{ jsonrpc: '2.0', method: 'notifications/subscriptions/acknowledged', params: { _meta: meta, notifications: { promptsListChanged: true, resourceSubscriptions: ['files+note://files/7'] } } }]);
      await until(() => edges.watchedUris.includes('note://files/7'), 'the watch');
      edges.one.policy.change((roles, _action, _server, target) => roles.length > 0 && target !== 'read_file');
      edges.updated('note://files/7');
      await stream.until((messages) => messages.length > 1, 'the news');
      expect(stream.messages.slice(1)).toEqual([{ jsonrpc: '2.0', method: 'notifications/resources/updated', params: { uri: 'files+note://files/7', _meta: meta } }]);
      await until(() => stream.text.includes(': keep-alive'), 'a comment');
      stream.drop();
      expect(edges.one.entries.of('subscriptions/listen')).toMatchObject([{ phase: 'outcome', client: { era: 'modern' } }]);
    });

    it('carry the number that the listen had', async () => {
      const stream = await listen({ toolsListChanged: true }, { id: 1 });
      await stream.until((messages) => messages.length > 0, 'the acknowledgement');
      expect(stream.messages[0]).toMatchObject({ params: { _meta: { 'io.modelcontextprotocol/subscriptionId': 1 } } });
      stream.drop();
    });

    it('are refused when malformed, and for who reads no event stream', async () => {
      for (const notifications of [undefined, [], { toolsListChanged: 1 }, { resourceSubscriptions: 'x' }, { resourceSubscriptions: Array.from({ length: 257 }, () => 'a:b') }, { taskIds: [1] }]) {
        const { response } = await listen(notifications);
        expect({ status: response.status, type: response.headers.get('content-type') }).toEqual({ status: 200, type: 'application/json; charset=utf-8' });
      }
      expect(edges.one.entries.of('subscriptions/listen')).toHaveLength(6);
      const headers = { accept: 'application/json', 'mcp-protocol-version': VERSION, 'mcp-method': 'subscriptions/listen' };
      expect((await edges.one.post(edges.agent.key, request('subscriptions/listen', { _meta: META, notifications: {} }), headers)).status).toBe(406);
    });

    it('are few for each principal: one more is answered with 503, Retry-After and a JSON-RPC error', async () => {
      const streams = await Promise.all([1, 2, 3, 4, 5, 6, 7, 8].map(() => listen({ toolsListChanged: true }, { key: edges.other.key })));
      await Promise.all(streams.map((stream) => stream.until((messages) => messages.length > 0, 'the acknowledgement')));
      const { response } = await listen({ toolsListChanged: true }, { key: edges.other.key });
      expect({ status: response.status, retry: response.headers.get('retry-after'), type: response.headers.get('content-type') }).toMatchObject({ status: 503, retry: '2', type: 'application/json; charset=utf-8' });
      for (const stream of streams) stream.drop();
    });

    it('end with a result when the edge stops', async () => {
      const stream = await listen({ toolsListChanged: true }, { edge: edges.two, id: 'last' });
      await stream.until((messages) => messages.length > 0, 'the acknowledgement');
      await edges.two.stop();
      await until(() => stream.ended, 'the end');
      expect(stream.messages.at(-1)).toMatchObject({ id: 'last', result: { resultType: 'complete', _meta: { 'io.modelcontextprotocol/subscriptionId': 'last' } } });
      await edges.two.start();
    });
  });
});
