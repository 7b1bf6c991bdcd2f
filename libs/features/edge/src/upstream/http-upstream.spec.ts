import { afterEach, describe, expect, it } from '@jest/globals';
import { type CallId, type OrganizationName, type ServerName } from '@mcpgw/contracts';
import { silentLogger } from '@mcpgw/platform-runtime';
import type { UpstreamCall } from '../ports.js';
import type { HttpTarget, HttpUpstreamLimits } from './http-target.js';
import { HttpUpstreams } from './http-upstream.js';
import { HANDSHAKE, json, stubServer, type Handler } from './testing/stub-server.js';

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function stub(...given: Parameters<typeof stubServer>): ReturnType<typeof stubServer> {
  const server = await stubServer(...given);
  closers.push(server.close);
  return server;
}

function upstreams(url: string, options: { target?: Partial<HttpTarget>; limits?: Partial<HttpUpstreamLimits>; onListChanged?: () => void } = {}) {
  const target: HttpTarget = { url, headers: { authorization: 'Bearer own' }, allowPrivateNetwork: true, era: 'legacy', ...options.target };
  const made = new HttpUpstreams({ resolve: () => target, clientInfo: { name: 'mcp-gateway', version: '0' }, logger: silentLogger, onListChanged: options.onListChanged ?? (() => undefined), limits: options.limits });
  closers.push(() => made.close());
  return made;
}

function call(overrides: Partial<UpstreamCall> = {}): UpstreamCall {
  return { organization: 'acme' as OrganizationName, server: 'crm' as ServerName, revision: 1, callId: '0' as CallId, method: 'tools/call', params: { name: 'echo', arguments: { text: 'hi' } }, timeoutMs: 5_000, ...overrides };
}

const never = new AbortController().signal;
const echo: Handler = (rpc, response) => json(response, 200, { jsonrpc: '2.0', id: rpc.id, result: { content: [], echoed: rpc.params } });

describe('HttpUpstreams on a legacy server', () => {
  it('starts one session for many callers at once and sends one POST per call after that', async () => {
    const server = await stub(echo);
    const made = upstreams(server.url);
    const replies = await Promise.all(Array.from({ length: 20 }, (_, n) => made.invoke(call({ params: { name: 'echo', arguments: { n } } }), never)));
    expect(replies.map((reply) => 'result' in reply && (reply.result['echoed'] as { arguments: { n: number } }).arguments.n)).toEqual(Array.from({ length: 20 }, (_, n) => n));
    expect(server.methods().filter((method) => method === 'initialize' || method === 'notifications/initialized')).toEqual(['initialize', 'notifications/initialized']);
    const posts = server.received.filter(({ rpc }) => rpc.method === 'tools/call');
    expect(posts).toHaveLength(20);
    expect(new Set(posts.map(({ rpc }) => rpc.id)).size).toBe(20);
    expect(posts[0]?.headers).toMatchObject({ accept: 'application/json, text/event-stream', 'mcp-session-id': 'session-1', 'mcp-protocol-version': '2025-11-25', authorization: 'Bearer own' });
    expect(posts[0]?.headers['accept-encoding']).toBe('identity');
  });

  it('strips the client envelope and passes other metadata', async () => {
    const server = await stub(echo);
    const params = { name: 'echo', _meta: { 'io.modelcontextprotocol/protocolVersion': '2026-07-28', 'io.modelcontextprotocol/clientCapabilities': {}, traceparent: 'kept', 'com.example/x': 1 } };
    await upstreams(server.url).invoke(call({ params }), never);
    expect(server.received.find(({ rpc }) => rpc.method === 'tools/call')?.rpc.params).toEqual({ name: 'echo', _meta: { traceparent: 'kept', 'com.example/x': 1 } });
  });

  it('reads an event stream: progress under the caller token, logs, and requests refused', async () => {
    const server = await stub((rpc, response) => {
      const token = (rpc.params?.['_meta'] as { progressToken: number } | undefined)?.progressToken;
      const send = (message: object): void => void response.write(`event: message\ndata: ${JSON.stringify({ jsonrpc: '2.0', ...message })}\n\n`);
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(': hello\n\n');
      send({ method: 'notifications/progress', params: { progressToken: token, progress: 1 } });
      send({ method: 'notifications/progress', params: { progressToken: 'of another caller', progress: 9 } });
      send({ method: 'notifications/message', params: { level: 'info', data: 'x' } });
      send({ method: 'notifications/tools/list_changed' });
      send({ id: 77, method: 'sampling/createMessage', params: {} });
      send({ id: rpc.id, result: { content: [] } });
      response.end();
    });
    const events: unknown[] = [];
    let changes = 0;
    const made = upstreams(server.url, { onListChanged: () => (changes += 1) });
    const params = { name: 'slow', _meta: { progressToken: 'mine' } };
    const reply = await made.invoke(call({ params, onEvent: (method, value) => events.push([method, value]) }), never);
    expect(reply).toEqual({ result: { content: [] } });
    expect(events).toEqual([
      ['notifications/progress', { progressToken: 'mine', progress: 1 }],
      ['notifications/message', { level: 'info', data: 'x' }],
    ]);
    expect(changes).toBe(1);
    await server.until((all) => all.some(({ rpc }) => rpc.id === 77));
    expect(server.received.find(({ rpc }) => rpc.id === 77)?.rpc.error).toMatchObject({ code: -32601 });
  });

  it('passes an upstream error untouched', async () => {
    const error = { code: -32602, message: 'bad', data: { x: 1 } };
    const server = await stub((rpc, response) => json(response, 200, { jsonrpc: '2.0', id: rpc.id, error }));
    expect(await upstreams(server.url).invoke(call(), never)).toEqual({ error });
  });

  it.each([
    ['404', 404, undefined],
    ["400 in the transport's own words", 400, { jsonrpc: '2.0', id: 1, error: { code: -32000, message: 'Bad Request: No valid session ID provided' } }],
  ])('starts a new session and sends again when the old one is answered with %s', async (_name, status, body) => {
    let expired = false;
    const server = await stub((rpc, response, request) => {
      if (expired && request.headers['mcp-session-id'] === 'session-1') return body === undefined ? void response.writeHead(status).end() : json(response, status, body);
      echo(rpc, response, request);
    });
    const made = upstreams(server.url);
    await made.invoke(call(), never);
    expired = true;
    const replies = await Promise.all([made.invoke(call(), never), made.invoke(call(), never)]);
    expect(replies.every((reply) => 'result' in reply)).toBe(true);
    expect(server.methods().filter((method) => method === 'initialize')).toHaveLength(2);
  });

  it('gives up when the new session is unknown too', async () => {
    const server = await stub((_rpc, response) => void response.writeHead(404).end());
    await expect(upstreams(server.url).invoke(call(), never)).rejects.toMatchObject({ code: 'upstream_failed' });
    expect(server.methods().filter((method) => method === 'tools/call')).toHaveLength(2);
  });

  it('names server and address when nobody listens, and says what to do', async () => {
    const server = await stub(echo);
    await server.close();
    await expect(upstreams(server.url).invoke(call(), never)).rejects.toMatchObject({ code: 'upstream_failed', message: `Server "crm" at 127.0.0.1:${server.port} can not be reached (ECONNREFUSED). Start it, or correct the port in its URL.` });
  });

  it.each<[string, string, Handler]>([
    ['the connection dies before the answer', 'upstream_lost', (_rpc, response) => void response.destroy()],
    ['the connection dies in the body', 'upstream_lost', (_rpc, response) => void response.writeHead(200, { 'content-type': 'application/json', 'content-length': '100' }).write('{"jsonrpc"', () => response.destroy())],
    ['the event stream ends without the answer', 'upstream_lost', (_rpc, response) => void response.writeHead(200, { 'content-type': 'text/event-stream' }).end(': bye\n\n')],
    ['the body is no JSON', 'upstream_lost', (_rpc, response) => void response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>hello</h1>')],
    ['the answer is for another request', 'upstream_lost', (rpc, response) => json(response, 200, { jsonrpc: '2.0', id: (rpc.id ?? 0) + 1, result: {} })],
    ['the result is no object', 'upstream_lost', (rpc, response) => json(response, 200, { jsonrpc: '2.0', id: rpc.id, result: 'x' })],
    ['the body is too large', 'upstream_lost', (rpc, response) => json(response, 200, { jsonrpc: '2.0', id: rpc.id, result: { text: 'x'.repeat(200_000) } })],
    ['an event stream floods', 'upstream_lost', (_rpc, response) => void response.writeHead(200, { 'content-type': 'text/event-stream' }).end(`: ${'x'.repeat(200_000)}`)],
    ['the server fails', 'upstream_lost', (_rpc, response) => void response.writeHead(500).end('stack trace')],
    ['it is overloaded', 'upstream_failed', (_rpc, response) => void response.writeHead(503).end()],
    ['it refuses our credentials', 'upstream_failed', (_rpc, response) => void response.writeHead(401).end()],
  ])('says so when %s, and the next call works', async (_name, code, misbehave) => {
    let bad = true;
    const server = await stub((rpc, response, request) => (bad ? misbehave : echo)(rpc, response, request));
    const made = upstreams(server.url, { limits: { maxResponseBytes: 100_000 } });
    await expect(made.invoke(call(), never)).rejects.toMatchObject({ code, message: expect.stringContaining(`Server "crm" at 127.0.0.1:${server.port}`) });
    bad = false;
    expect(await made.invoke(call(), never)).toHaveProperty('result');
  });

  // users-and-attackers.md, test 15.
  it('follows no redirect and sends its credentials nowhere else', async () => {
    const elsewhere = await stub(echo);
    const server = await stub((_rpc, response) => void response.writeHead(307, { location: `${elsewhere.url}?token=secret` }).end());
    const failure = await upstreams(server.url).invoke(call(), never).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'upstream_failed', message: expect.stringContaining('redirect') });
    expect(String(failure)).not.toContain('token=secret');
    expect(elsewhere.received).toEqual([]);
  });

  it('ends a hanging call at its deadline and tells the server', async () => {
    const server = await stub(() => undefined);
    await expect(upstreams(server.url).invoke(call({ timeoutMs: 100 }), never)).rejects.toMatchObject({ code: 'timeout' });
    await server.until((all) => all.some(({ rpc }) => rpc.method === 'notifications/cancelled'));
    const called = server.received.find(({ rpc }) => rpc.method === 'tools/call');
    expect(server.received.find(({ rpc }) => rpc.method === 'notifications/cancelled')?.rpc.params).toMatchObject({ requestId: called?.rpc.id });
  });

  it('cancels upstream when the caller goes away', async () => {
    const server = await stub(() => undefined);
    const abort = new AbortController();
    const running = upstreams(server.url).invoke(call(), abort.signal);
    running.catch(() => undefined);
    await server.until((all) => all.some(({ rpc }) => rpc.method === 'tools/call'));
    abort.abort();
    await expect(running).rejects.toMatchObject({ code: 'cancelled' });
    await server.until((all) => all.some(({ rpc }) => rpc.method === 'notifications/cancelled'));
  });

  it('leaves the handshake to the others when one of its callers goes away', async () => {
    let answer: (() => void) | undefined;
    const server = await stub(echo, { initialize: (rpc, response) => (answer = () => json(response, 200, { jsonrpc: '2.0', id: rpc.id, result: HANDSHAKE })) });
    const made = upstreams(server.url);
    const abort = new AbortController();
    const impatient = made.invoke(call(), abort.signal);
    const patient = made.invoke(call(), never);
    await server.until((all) => all.length > 0);
    abort.abort();
    await expect(impatient).rejects.toMatchObject({ code: 'cancelled' });
    answer?.();
    expect(await patient).toHaveProperty('result');
    expect(server.methods().filter((method) => method === 'tools/call')).toHaveLength(1);
  });

  it('refuses more calls than may wait', async () => {
    const server = await stub(() => undefined);
    const made = upstreams(server.url, { limits: { maxPendingPerServer: 1 } });
    const abort = new AbortController();
    const first = made.invoke(call(), abort.signal);
    await expect(made.invoke(call(), never)).rejects.toMatchObject({ code: 'upstream_failed' });
    abort.abort();
    await expect(first).rejects.toMatchObject({ code: 'cancelled' });
  });

  it('cuts what is under way when the gateway stops', async () => {
    const server = await stub(() => undefined);
    const made = upstreams(server.url);
    const running = made.invoke(call(), never);
    running.catch(() => undefined);
    await server.until((all) => all.some(({ rpc }) => rpc.method === 'tools/call'));
    await made.close();
    await expect(running).rejects.toMatchObject({ code: 'upstream_lost' });
    await expect(made.invoke(call(), never)).rejects.toMatchObject({ code: 'upstream_failed', message: expect.stringContaining('shutting down') });
    expect(made.sizes).toEqual({ servers: 0, pools: 0 });
  });

  it('hears of changed lists on the GET stream', async () => {
    const server = await stub(echo, { GET: (_rpc, response) => void response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: {"jsonrpc":"2.0","method":"notifications/resources/list_changed"}\n\n') });
    const heard = new Promise<void>((resolve) => {
      void upstreams(server.url, { onListChanged: resolve }).invoke(call(), never);
    });
    await heard;
    expect(server.received.find(({ verb }) => verb === 'GET')?.headers).toMatchObject({ 'mcp-session-id': 'session-1', accept: 'text/event-stream' });
  });

  it('gives another credential another session, and ends the old one when it is not used any more', async () => {
    const server = await stub(echo);
    let target: HttpTarget = { url: server.url, headers: { authorization: 'Bearer a' }, allowPrivateNetwork: true, era: 'legacy' };
    const made = new HttpUpstreams({ resolve: () => target, clientInfo: { name: 'g', version: '0' }, logger: silentLogger, onListChanged: () => undefined, limits: { supersededIdleMs: 0 } });
    closers.push(() => made.close());
    await made.invoke(call(), never);
    target = { ...target };
    await made.invoke(call({ revision: 2 }), never);
    made.sweep();
    expect(server.methods().filter((method) => method === 'initialize')).toHaveLength(1);
    target = { ...target, headers: { authorization: 'Bearer b' } };
    await made.invoke(call(), never);
    made.sweep();
    await server.until((all) => all.some(({ verb }) => verb === 'DELETE'));
    const calls = server.received.filter(({ rpc }) => rpc.method === 'tools/call');
    expect(calls.map(({ headers }) => [headers.authorization, headers['mcp-session-id']])).toEqual([
      ['Bearer a', 'session-1'],
      ['Bearer a', 'session-1'],
      ['Bearer b', 'session-2'],
    ]);
    expect(server.received.filter(({ verb }) => verb === 'DELETE').map(({ headers }) => headers['mcp-session-id'])).toEqual(['session-1']);
    expect(made.sizes).toEqual({ servers: 1, pools: 1 });
  });

  it('holds no more servers than it may: the longest unused one makes room', async () => {
    const server = await stub(echo);
    const targets = new Map(['a', 'b'].map((name): [string, HttpTarget] => [name, { url: server.url, headers: { 'x-name': name }, allowPrivateNetwork: true, era: 'legacy' }]));
    const made = new HttpUpstreams({ resolve: (_organization, name) => targets.get(name), clientInfo: { name: 'g', version: '0' }, logger: silentLogger, onListChanged: () => undefined, limits: { maxServers: 1 } });
    closers.push(() => made.close());
    for (const name of ['a', 'b', 'a']) await made.invoke(call({ server: name as ServerName }), never);
    expect(made.sizes.servers).toBe(1);
    expect(server.methods().filter((method) => method === 'initialize')).toHaveLength(3);
    await expect(made.invoke(call({ server: 'c' as ServerName }), never)).rejects.toMatchObject({ code: 'upstream_failed' });
  });

  it('closes what is no longer configured, after its calls are answered', async () => {
    let answer: (() => void) | undefined;
    const server = await stub((rpc, response, request) => (answer = () => echo(rpc, response, request)));
    const made = upstreams(server.url);
    const running = made.invoke(call(), never);
    await server.until((all) => all.some(({ rpc }) => rpc.method === 'tools/call'));
    made.retain(() => false);
    expect(made.sizes.servers).toBe(0);
    expect(server.methods()).not.toContain('DELETE');
    answer?.();
    expect(await running).toHaveProperty('result');
    await server.until((all) => all.some(({ verb }) => verb === 'DELETE'));
  });
});
