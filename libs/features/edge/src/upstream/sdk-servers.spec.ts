import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { UpstreamReply } from '@mcpgw/contracts';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { ElicitResultSchema, SubscribeRequestSchema, UnsubscribeRequestSchema, type JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';
import { createMcpHandler, McpServer as ModernServer } from '@modelcontextprotocol/server';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { asker, Bench, call, never, until, type Heard } from './testing/bench.js';

const bench = new Bench();
afterEach(() => bench.close());

async function listen(handle: (request: IncomingMessage, response: ServerResponse) => Promise<unknown>): Promise<string> {
  const http = createServer((request, response) => void handle(request, response)).listen(0, '127.0.0.1');
  await once(http, 'listening');
  bench.onClose(async () => {
    http.closeAllConnections();
    http.close();
    await once(http, 'close');
  });
  return `http://127.0.0.1:${(http.address() as AddressInfo).port}/mcp`;
}

const FORM = { message: 'Your name?', requestedSchema: { type: 'object' as const, properties: { name: { type: 'string' as const } } } };

function legacyServer(onSubscribe: (uri: string) => void): McpServer {
  const server = new McpServer({ name: 'legacy', version: '1' }, { capabilities: { logging: {}, resources: { subscribe: true } } });
  server.registerTool('ask-here', {}, async ({ sendRequest }) => {
    const answer = await sendRequest({ method: 'elicitation/create', params: FORM }, ElicitResultSchema);
    return { content: [{ type: 'text', text: String(answer.content?.['name']) }] };
  });
  // Without the request that it belongs to, the SDK sends it on the GET stream.
  server.registerTool('ask-elsewhere', {}, async () => ({ content: [{ type: 'text', text: String((await server.server.elicitInput(FORM)).content?.['name']) }] }));
  server.registerTool('log', {}, async () => {
    await server.server.sendLoggingMessage({ level: 'debug', data: 'said' });
    return { content: [] };
  });
  server.registerTool('close-stream', {}, async ({ closeSSEStream }) => {
    closeSSEStream?.();
    return { content: [{ type: 'text', text: 'after' }] };
  });
  server.server.setRequestHandler(SubscribeRequestSchema, async ({ params: { uri } }) => {
    onSubscribe(uri);
    await server.server.sendResourceUpdated({ uri });
    return {};
  });
  server.server.setRequestHandler(UnsubscribeRequestSchema, async () => ({}));
  return server;
}

/** Events of all streams, redelivered after the one named. */
function eventStore() {
  const events: { readonly id: string; readonly stream: string; readonly message: JSONRPCMessage }[] = [];
  return {
    storeEvent: async (stream: string, message: JSONRPCMessage) => {
      const id = `${stream}_${events.length}`;
      events.push({ id, stream, message });
      return id;
    },
    replayEventsAfter: async (lastEventId: string, { send }: { send: (id: string, message: JSONRPCMessage) => Promise<void> }) => {
      const at = events.findIndex(({ id }) => id === lastEventId);
      const stream = events[at]?.stream ?? '';
      for (const event of events.slice(at + 1)) if (event.stream === stream && Object.keys(event.message).length > 0) await send(event.id, event.message);
      return stream;
    },
  };
}

async function startLegacy(onSubscribe: (uri: string) => void = () => undefined): Promise<string> {
  const transports = new Map<string, StreamableHTTPServerTransport>();
  return listen(async (request, response) => {
    const id = request.headers['mcp-session-id'];
    let transport = typeof id === 'string' ? transports.get(id) : undefined;
    if (transport === undefined) {
      const made: StreamableHTTPServerTransport = new StreamableHTTPServerTransport({ sessionIdGenerator: () => randomUUID(), eventStore: eventStore(), retryInterval: 20, onsessioninitialized: (session) => void transports.set(session, made) });
      transport = made;
      await legacyServer(onSubscribe).connect(transport);
    }
    await transport.handleRequest(request, response);
  });
}

function text(reply: UpstreamReply): unknown {
  return 'result' in reply ? (reply.result['content'] as { text: string }[])[0]?.text : reply;
}

describe('HttpUpstreams with a legacy server of the official SDK', () => {
  const FORMS = { elicitation: { form: {} } };
  const tool = (name: string) => ({ params: { name, arguments: {} } });

  it.each(['ask-here', 'ask-elsewhere'])('brings its question to the caller and the answer back: %s', async (name) => {
    const made = bench.upstreams(await startLegacy());
    const users = ['Ada', 'Bob', 'Cyd'];
    const replies = await Promise.all(users.map((user) => made.invoke(call({ ...tool(name), ...asker(user, FORMS, async () => ({ result: { action: 'accept', content: { name: user } } })) }), never)));
    expect(replies.map(text)).toEqual(users);
  });

  it('goes on reading where the server closed the stream of a call', async () => {
    expect(text(await bench.upstreams(await startLegacy()).invoke(call(tool('close-stream')), never))).toBe('after');
  });

  it('hears of a resource that it watches', async () => {
    const heard: Heard = { lists: 0, uris: [] };
    const subscribed: string[] = [];
    const made = bench.upstreams(await startLegacy((uri) => void subscribed.push(uri)), { heard });
    made.watch(call().organization, call().server, new Set(['note://1']));
    await until(() => subscribed.length === 1 && heard.uris.includes('note://1'), 'the news');
  });

  it("has log lines on the session's own stream shown to the one caller of that session, and to none of several", async () => {
    const made = bench.upstreams(await startLegacy());
    const lines: string[] = [];
    const one = (scope: string): Promise<UpstreamReply> => made.invoke(call({ ...tool('log'), ...asker(scope, scope === '' ? {} : FORMS), onEvent: (_method, params) => lines.push(`${scope} ${String(params['data'])}`) }), never);
    // The stream opens beside the first call: until it is there, the server has nowhere to say anything.
    await until(() => lines.length > 0 || (void one('ada'), false), 'a line');
    expect(new Set(lines)).toEqual(new Set(['ada said']));
    await one('');
    expect(lines.filter((line) => line.startsWith(' '))).toEqual([]);
  });
});

describe('HttpUpstreams with a modern server of the official SDK', () => {
  it('listens to list changes and to the resources that are watched', async () => {
    const handler = createMcpHandler(() => {
      const server = new ModernServer({ name: 'modern', version: '1' }, { capabilities: { tools: { listChanged: true }, resources: { listChanged: true, subscribe: true } } });
      server.registerTool('greet', {}, () => ({ content: [{ type: 'text', text: 'Hello' }] }));
      server.registerResource('note', 'note://1', {}, (uri) => ({ contents: [{ uri: uri.href, text: 'x' }] }));
      return server;
    });
    bench.onClose(async () => handler.close());
    const node = toNodeHandler(handler);
    let listening = 0;
    const url = await listen((request, response) => {
      if (request.headers['mcp-method'] === 'subscriptions/listen') listening += 1;
      return Promise.resolve(node(request, response));
    });
    const heard: Heard = { lists: 0, uris: [] };
    const made = bench.upstreams(url, { heard, target: { era: 'modern', capabilities: { tools: { listChanged: true }, resources: { subscribe: true } } } });
    expect(text(await made.invoke(call({ params: { name: 'greet', arguments: {} } }), never))).toBe('Hello');
    made.watch(call().organization, call().server, new Set(['note://1']));
    await until(() => listening > 0, 'the listen');
    await until(() => (handler.notify.resourceUpdated('note://1'), handler.notify.toolsChanged(), heard.lists > 0 && heard.uris.length > 0), 'the news');
    expect(new Set(heard.uris)).toEqual(new Set(['note://1']));
  });
});
