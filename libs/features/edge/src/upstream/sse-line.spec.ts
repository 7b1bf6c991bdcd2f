import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { serverConfig } from '@mcpgw/contracts';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { SSEServerTransport } from '@modelcontextprotocol/sdk/server/sse.js';
import { ListRootsResultSchema } from '@modelcontextprotocol/sdk/types.js';
import type { UpstreamReply } from '@mcpgw/contracts';
import { asker, Bench, call, eventStream, never, until } from './testing/bench.js';
import { json, type Handler } from './testing/stub-server.js';

const bench = new Bench();
afterEach(() => bench.close());

const config = (url: string) => serverConfig.parse({ organization: 'acme', name: 'crm', http: { url, allowPrivateNetwork: true } });

function sdkServer(): McpServer {
  const server = new McpServer({ name: 'old', version: '1' }, { capabilities: { logging: {} } });
  server.registerTool('greet', {}, async () => ({ content: [{ type: 'text', text: 'Hello' }] }));
  server.registerTool('roots', {}, async (extra) => ({ content: [{ type: 'text', text: String((await extra.sendRequest({ method: 'roots/list' }, ListRootsResultSchema)).roots.length) }] }));
  server.registerTool('hang', {}, () => new Promise(() => undefined));
  return server;
}

/** The official SDK's server over HTTP+SSE: GET /sse, POST /messages. */
async function oldServer() {
  const transports = new Map<string, SSEServerTransport>();
  const posts: string[] = [];
  let streams = 0;
  const http = createServer((request, response) => {
    void (async () => {
      const url = new URL(request.url ?? '/', 'http://x');
      if (request.method === 'GET' && url.pathname === '/sse') {
        const transport = new SSEServerTransport('/messages', response);
        streams += 1;
        transports.set(transport.sessionId, transport);
        await sdkServer().connect(transport);
        return;
      }
      const transport = transports.get(url.searchParams.get('sessionId') ?? '');
      if (url.pathname !== '/messages' || transport === undefined) return void response.writeHead(404).end('Not found');
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const body = JSON.parse(Buffer.concat(chunks).toString()) as { method?: string };
      posts.push(body.method ?? 'response');
      await transport.handlePostMessage(request, response, body);
    })();
  }).listen(0, '127.0.0.1');
  await once(http, 'listening');
  bench.onClose(async () => {
    http.closeAllConnections();
    http.close();
    await once(http, 'close');
  });
  return { url: `http://127.0.0.1:${(http.address() as AddressInfo).port}/sse`, posts, streams: () => streams, cut: () => http.closeAllConnections() };
}

function text(reply: UpstreamReply): unknown {
  return 'result' in reply ? (reply.result['content'] as { text: string }[])[0]?.text : reply;
}

describe('A server of MCP 2024-11-05 on HTTP+SSE', () => {
  it('is found behind the refused newer transports, with all that it offers', async () => {
    const server = await oldServer();
    const found = await bench.upstreams(server.url).discover(config(server.url), {});
    expect(found).toMatchObject({ era: 'legacy', transport: 'sse', serverInfo: { name: 'old' } });
    expect(found.tools.map(({ name }) => name)).toEqual(['greet', 'hang', 'roots']);
  });

  it('is called on one stream by all, and asks its callers on streams of their own', async () => {
    const server = await oldServer();
    const made = bench.upstreams(server.url, { target: { transport: 'sse' } });
    const replies = await Promise.all(Array.from({ length: 10 }, () => made.invoke(call({ params: { name: 'greet', arguments: {} } }), never)));
    expect(replies.map(text)).toEqual(Array.from({ length: 10 }, () => 'Hello'));
    expect(server.streams()).toBe(1);
    const asked = await made.invoke(call({ params: { name: 'roots', arguments: {} }, ...asker('ada', { roots: {} }, async () => ({ result: { roots: [{ uri: 'file:///a' }] } })) }), never);
    expect(text(asked)).toBe('1');
    expect(server.streams()).toBe(2);
  });

  it('loses the calls under way with its stream, and the next call opens another', async () => {
    const server = await oldServer();
    const made = bench.upstreams(server.url, { target: { transport: 'sse' } });
    const hanging = made.invoke(call({ params: { name: 'hang', arguments: {} } }), never);
    hanging.catch(() => undefined);
    await until(() => server.posts.includes('tools/call'));
    server.cut();
    await expect(hanging).rejects.toMatchObject({ code: 'upstream_lost' });
    expect(text(await made.invoke(call({ params: { name: 'greet', arguments: {} } }), never))).toBe('Hello');
    expect(server.posts.filter((method) => method === 'tools/call')).toHaveLength(2);
  });

  it.each([404, 400])('is shaken hands with again when it takes no message on its stream any more (HTTP %i)', async (status) => {
    let stream: ServerResponse | undefined;
    let streams = 0;
    const server = await bench.stub(
      (rpc, response, request) => {
        if (request.url === '/post?s=1') return void response.writeHead(status).end('no such session');
        response.writeHead(202).end();
        stream?.write(`data: ${JSON.stringify({ jsonrpc: '2.0', id: rpc.id, result: { content: [{ text: request.url }] } })}\n\n`);
      },
      {
        initialize: (rpc, response) => {
          response.writeHead(202).end();
          stream?.write(`data: ${JSON.stringify({ jsonrpc: '2.0', id: rpc.id, result: { protocolVersion: '2024-11-05', capabilities: {}, serverInfo: { name: 'x', version: '1' } } })}\n\n`);
        },
        GET: (_rpc, response) => {
          stream = response.writeHead(200, { 'content-type': 'text/event-stream' });
          stream.write(`event: endpoint\ndata: /post?s=${(streams += 1)}\n\n`);
        },
      },
    );
    const made = bench.upstreams(server.url, { target: { transport: 'sse' } });
    const replies = await Promise.all([made.invoke(call(), never), made.invoke(call(), never)]);
    expect(replies.map(text)).toEqual(['/post?s=2', '/post?s=2']);
    expect(streams).toBe(2);
  });

  it('is told when a call takes too long', async () => {
    const server = await oldServer();
    const running = bench.upstreams(server.url, { target: { transport: 'sse' } }).invoke(call({ timeoutMs: 200, params: { name: 'hang', arguments: {} } }), never);
    await expect(running).rejects.toMatchObject({ code: 'timeout' });
    await until(() => server.posts.includes('notifications/cancelled'), 'the cancellation');
  });

  it('never gets our credentials sent to another origin', async () => {
    const elsewhere = await bench.stub((rpc, response) => json(response, 200, { jsonrpc: '2.0', id: rpc.id, result: {} }));
    const endpoint = (data: string): Handler => (_rpc, response) => void response.writeHead(200, { 'content-type': 'text/event-stream' }).write(`event: endpoint\ndata: ${data}\n\n`);
    const server = await bench.stub(() => undefined, { GET: endpoint(elsewhere.url) });
    await expect(bench.upstreams(server.url, { target: { transport: 'sse' } }).invoke(call(), never)).rejects.toMatchObject({ code: 'upstream_failed' });
    expect(elsewhere.received).toEqual([]);
  });

  it.each<[string, Handler]>([
    ['names no endpoint', (_rpc, response) => eventStream(response)({ method: 'x' })],
    ['ends its stream at once', (_rpc, response) => void response.writeHead(200, { 'content-type': 'text/event-stream' }).end()],
    ['answers the GET with a page', (_rpc, response) => void response.writeHead(200, { 'content-type': 'text/html' }).end('<html>')],
  ])('is given up in time when it %s', async (_what, misbehave) => {
    const server = await bench.stub(() => undefined, { GET: misbehave });
    const made = bench.upstreams(server.url, { target: { transport: 'sse' }, limits: { handshakeTimeoutMs: 200 } });
    await expect(made.invoke(call(), never)).rejects.toMatchObject({ code: expect.stringMatching(/^upstream_/) });
  });

  it('is not looked for behind a server that answers in the words of the modern era', async () => {
    const server = await bench.stub(() => undefined, {
      'server/discover': (rpc, response) => json(response, 400, { jsonrpc: '2.0', id: rpc.id, error: { code: -32022, message: 'Unsupported protocol version' } }),
      initialize: (rpc, response) => json(response, 400, { jsonrpc: '2.0', id: null, error: { code: -32022, message: `Unsupported ${String(rpc.method)}` } }),
    });
    await expect(bench.upstreams(server.url).discover(config(server.url), {})).rejects.toMatchObject({ code: 'upstream_failed' });
    expect(server.methods()).not.toContain('GET');
  });
});

/** One answer must not settle another's call, however the server mixes them up. */
describe('Answers on the one stream of HTTP+SSE', () => {
  it('go to their own calls out of order, twice, late and unknown', async () => {
    let stream: ServerResponse | undefined;
    const ids: number[] = [];
    const send = (message: object): void => void stream?.write(`data: ${JSON.stringify({ jsonrpc: '2.0', ...message })}\n\n`);
    const result = (id: number): object => ({ id, result: { content: [], id } });
    const server = await bench.stub(
      (rpc, response) => {
        response.writeHead(202).end();
        ids.push(rpc.id as number);
        if (ids.length < 3) return;
        const [a, b, c] = ids as [number, number, number];
        for (const message of [{ id: 9_999, result: {} }, { id: String(a), result: {} }, result(c), result(c), result(a), { id: b, method: 'ping' }, result(b), result(b)]) send(message);
      },
      {
        initialize: (rpc, response) => {
          response.writeHead(202).end();
          send({ id: rpc.id, result: { protocolVersion: '2024-11-05', capabilities: {}, serverInfo: { name: 'x', version: '1' } } });
        },
        GET: (_rpc, response) => {
          stream = response.writeHead(200, { 'content-type': 'text/event-stream' });
          response.write('event: endpoint\ndata: /post?s=1\n\n');
        },
      },
    );
    const made = bench.upstreams(server.url, { target: { transport: 'sse' } });
    const replies = await Promise.all([1, 2, 3].map((n) => made.invoke(call({ params: { name: 'echo', n } }), never)));
    const sent = new Map(server.received.filter(({ rpc }) => rpc.method === 'tools/call').map(({ rpc }) => [rpc.params?.['n'], rpc.id]));
    expect(replies).toEqual([1, 2, 3].map((n) => ({ result: { content: [], id: sent.get(n) } })));
  });
});
