import { afterEach, describe, expect, it } from '@jest/globals';
import { Bench, call, echo, eventStream, never, until, type Heard } from './testing/bench.js';
import { json, type Handler } from './testing/stub-server.js';

const bench = new Bench();
afterEach(() => bench.close());

const heard = (): Heard => ({ lists: 0, uris: [] });
const { organization, server: name } = call();
const watched = (...uris: string[]): ReadonlySet<string> => new Set(uris);

/** A server with resources to subscribe to; sessions are numbered. */
function handshake(capabilities: object = { resources: { subscribe: true } }): Handler {
  let sessions = 0;
  return (rpc, response) => json(response, 200, { jsonrpc: '2.0', id: rpc.id, result: { protocolVersion: '2025-11-25', capabilities, serverInfo: { name: 'x', version: '1' } } }, { 'mcp-session-id': `session-${(sessions += 1)}` });
}

const told = (server: Awaited<ReturnType<Bench['stub']>>) =>
  server.received.filter(({ rpc }) => rpc.method?.startsWith('resources/') === true).map(({ rpc, headers }) => `${String(rpc.method).slice(10)} ${String(rpc.params?.['uri'])} on ${String(headers['mcp-session-id'])}`);

describe('Watching resources of a legacy server', () => {
  it('subscribes on the shared session, hears of changes there, and unsubscribes', async () => {
    let stream: ReturnType<typeof eventStream> | undefined;
    const server = await bench.stub(echo, { initialize: handshake(), GET: (_rpc, response) => (stream = eventStream(response)) });
    const news = heard();
    const made = bench.upstreams(server.url, { heard: news });
    made.watch(organization, name, watched('a://1', 'a://2'));
    // What changed before the server was told counts as changed.
    await until(() => news.uris.length === 2 && stream !== undefined);
    stream?.({ method: 'notifications/resources/updated', params: { uri: 'a://2' } });
    await until(() => news.uris.length === 3);
    made.watch(organization, name, watched('a://2'));
    await until(() => told(server).length === 3);
    expect(told(server)).toEqual(['subscribe a://1 on session-1', 'subscribe a://2 on session-1', 'unsubscribe a://1 on session-1']);
    expect(news.uris).toEqual(['a://1', 'a://2', 'a://2']);
  });

  it('subscribes anew on the session that replaces a forgotten one', async () => {
    let forgotten = false;
    const server = await bench.stub((rpc, response, request) => (forgotten && request.headers['mcp-session-id'] === 'session-1' ? void response.writeHead(404).end() : echo(rpc, response, request)), { initialize: handshake() });
    const made = bench.upstreams(server.url);
    made.watch(organization, name, watched('a://1'));
    await until(() => told(server).length === 1);
    forgotten = true;
    await made.invoke(call(), never);
    await until(() => told(server).includes('subscribe a://1 on session-2'));
  });

  it('notices by its stream that the server was started anew, without any call', async () => {
    let restarted = false;
    const cuts: (() => void)[] = [];
    const server = await bench.stub(echo, {
      initialize: handshake(),
      GET: (_rpc, response, request) => {
        if (restarted && request.headers['mcp-session-id'] === 'session-1') return void response.writeHead(404).end();
        response.writeHead(200, { 'content-type': 'text/event-stream' }).write('retry: 20\n\n');
        cuts.push(() => response.destroy());
      },
    });
    bench.upstreams(server.url).watch(organization, name, watched('a://1'));
    await until(() => told(server).length === 1 && cuts.length === 1);
    restarted = true;
    cuts[0]?.();
    await until(() => told(server).includes('subscribe a://1 on session-2'));
  });

  it('tries again when the server is away at first', async () => {
    let isUp = false;
    const start = handshake();
    const server = await bench.stub(echo, { initialize: (rpc, response, request) => (isUp ? start(rpc, response, request) : void response.writeHead(503).end()) });
    bench.upstreams(server.url).watch(organization, name, watched('a://1'));
    await server.until((all) => all.some(({ rpc }) => rpc.method === 'initialize'));
    isUp = true;
    await until(() => told(server).length === 1);
  });

  it('asks nothing of a server that offers no subscriptions, and repeats no refused one', async () => {
    const without = await bench.stub(echo, { initialize: handshake({ resources: {} }) });
    const made = bench.upstreams(without.url);
    made.watch(organization, name, watched('a://1'));
    await without.until((all) => all.some(({ rpc }) => rpc.method === 'notifications/initialized'));
    await made.invoke(call(), never);
    expect(told(without)).toEqual([]);
    const refusing = await bench.stub((rpc, response) => json(response, 200, { jsonrpc: '2.0', id: rpc.id, error: { code: -32602, message: 'no' } }), { initialize: handshake() });
    const other = bench.upstreams(refusing.url);
    other.watch(organization, name, watched('a://1'));
    await until(() => told(refusing).length === 1);
    other.watch(organization, name, watched('a://1', 'a://2'));
    await until(() => told(refusing).length === 2);
    expect(told(refusing)[1]).toContain('a://2');
  });

  it('keeps the connection while anything is watched, however long nobody calls', async () => {
    const server = await bench.stub(echo, { initialize: handshake() });
    const made = bench.upstreams(server.url, { limits: { idleMs: 0 } });
    made.watch(organization, name, watched('a://1'));
    await until(() => told(server).length === 1);
    made.sweep();
    expect(made.sizes.servers).toBe(1);
    made.watch(organization, name, watched());
    await until(() => told(server).length === 2);
    made.sweep();
    expect(made.sizes.servers).toBe(0);
  });
});
