import { afterEach, describe, expect, it } from '@jest/globals';
import { asker, Bench, call, eventStream, never, until, type Heard } from './testing/bench.js';
import { json, type Handler } from './testing/stub-server.js';

const bench = new Bench();
afterEach(() => bench.close());

const KEY = 'io.modelcontextprotocol/';
const CHANGES = { tools: { listChanged: true }, resources: { listChanged: true, subscribe: true } };
const result = (value: object): Handler => (rpc, response) => json(response, 200, { jsonrpc: '2.0', id: rpc.id, result: value });
const modern = (capabilities?: Record<string, unknown>) => ({ target: { era: 'modern' as const, ...(capabilities === undefined ? {} : { capabilities }) } });
const heard = (): Heard => ({ lists: 0, uris: [] });
const watched = (...uris: string[]): ReadonlySet<string> => new Set(uris);

describe('A call to a modern server', () => {
  it('carries the capabilities and the log level of its caller', async () => {
    const server = await bench.stub(result({ resultType: 'complete', content: [] }));
    const capabilities = { elicitation: { form: {} }, extensions: { 'com.example/x': {} } };
    await bench.upstreams(server.url, modern()).invoke(call({ params: { name: 'echo', _meta: { [`${KEY}logLevel`]: 'debug' } }, ...asker('ada', capabilities) }), never);
    expect(server.methods()).toEqual(['tools/call']);
    expect(server.received[0]?.rpc.params?.['_meta']).toMatchObject({ [`${KEY}clientCapabilities`]: capabilities, [`${KEY}logLevel`]: 'debug' });
  });

  it.each<[string, object]>([
    ['asks for input', { resultType: 'input_required', inputRequests: { a: { method: 'elicitation/create', params: {} } }, requestState: 'opaque=+/', _meta: { 'com.example/x': [1] } }],
    ['becomes a task', { resultType: 'task', taskId: 't-1', status: 'working', createdAt: 'x', lastUpdatedAt: 'x', ttlMs: null }],
    ['is of a type that nobody knows', { resultType: 'com.example/new', anything: { deep: true } }],
  ])('passes a result that %s as it is', async (_what, value) => {
    const server = await bench.stub(result(value));
    expect(await bench.upstreams(server.url, modern()).invoke(call(), never)).toEqual({ result: value });
  });

  it('passes the answers to a question and its state as they are', async () => {
    const server = await bench.stub(result({ resultType: 'complete', content: [] }));
    const retry = { name: 'echo', arguments: { a: 1 }, inputResponses: { a: { action: 'accept', content: { x: 'ü' } } }, requestState: 'opaque=+/' };
    await bench.upstreams(server.url, modern()).invoke(call({ params: retry }), never);
    expect(server.received[0]?.rpc.params).toMatchObject(retry);
  });

  it.each(['tasks/get', 'tasks/update', 'tasks/cancel'])('names the task of %s in a header', async (method) => {
    const server = await bench.stub(result({ resultType: 'complete' }));
    await bench.upstreams(server.url, modern()).invoke(call({ method, params: { taskId: 'tâche' } }), never);
    expect(server.received[0]?.headers).toMatchObject({ 'mcp-method': method, 'mcp-name': `=?base64?${Buffer.from('tâche').toString('base64')}?=` });
  });

  it('learns the headers of a tool anew when the server calls them wrong, and has it discovered', async () => {
    const annotated = { name: 'echo', inputSchema: { type: 'object', properties: { region: { type: 'string', 'x-mcp-header': 'Region' } } } };
    const needsRegion: Handler = (rpc, response, request) =>
      request.headers['mcp-param-region'] === 'eu' ? json(response, 200, { jsonrpc: '2.0', id: rpc.id, result: { resultType: 'complete', content: [] } }) : json(response, 400, { jsonrpc: '2.0', id: rpc.id, error: { code: -32020, message: 'Header mismatch' } });
    const list: Handler = (rpc, response) => json(response, 200, { jsonrpc: '2.0', id: rpc.id, result: rpc.params?.['cursor'] === 'two' ? { tools: [annotated] } : { tools: [], nextCursor: 'two' } });
    const server = await bench.stub(needsRegion, { 'tools/list': list });
    const news = heard();
    const made = bench.upstreams(server.url, { ...modern(), heard: news });
    const one = call({ params: { name: 'echo', arguments: { region: 'eu' } } });
    expect(await made.invoke(one, never)).toHaveProperty('result');
    expect(await made.invoke(one, never)).toHaveProperty('result');
    expect(server.methods()).toEqual(['tools/call', 'tools/list', 'tools/list', 'tools/call', 'tools/call']);
    expect(news.lists).toBe(1);
  });

  it('passes the mismatch on when the server lists nothing new', async () => {
    const server = await bench.stub((rpc, response) => json(response, 400, { jsonrpc: '2.0', id: rpc.id, error: { code: -32020, message: 'Header mismatch' } }), { 'tools/list': result({ tools: [] }) });
    expect(await bench.upstreams(server.url, modern()).invoke(call(), never)).toMatchObject({ error: { code: -32020 } });
    expect(server.methods()).toEqual(['tools/call', 'tools/list']);
  });

  it('is cancelled by closing its connection', async () => {
    let closed = false;
    const server = await bench.stub((_rpc, response) => void response.on('close', () => (closed = true)));
    await expect(bench.upstreams(server.url, modern()).invoke(call({ timeoutMs: 100 }), never)).rejects.toMatchObject({ code: 'timeout' });
    await until(() => closed, 'the closed connection');
    expect(server.methods()).toEqual(['tools/call']);
  });
});

describe('Listening to a modern server', () => {
  const answer = result({ resultType: 'complete', content: [] });

  it('begins with the first call where lists may change, with what the server offers', async () => {
    const server = await bench.stub(answer, { 'subscriptions/listen': (_rpc, response) => eventStream(response)({ method: 'notifications/tools/list_changed' }) });
    const news = heard();
    await bench.upstreams(server.url, { ...modern(CHANGES), heard: news }).invoke(call(), never);
    await until(() => news.lists === 1, 'the change');
    const listen = server.received.find(({ rpc }) => rpc.method === 'subscriptions/listen');
    expect(listen?.rpc.params?.['notifications']).toEqual({ toolsListChanged: true, resourcesListChanged: true });
    expect(listen?.rpc.params?.['_meta']).toMatchObject({ [`${KEY}protocolVersion`]: '2026-07-28', [`${KEY}clientCapabilities`]: { extensions: { [`${KEY}tasks`]: {} } } });
    expect(listen?.headers).toMatchObject({ 'mcp-method': 'subscriptions/listen', 'mcp-protocol-version': '2026-07-28' });
  });

  it('is asked anew, without a gap, when other resources are watched', async () => {
    const open = new Map<string, ReturnType<typeof eventStream>>();
    const closed: string[] = [];
    const server = await bench.stub(answer, {
      'subscriptions/listen': (rpc, response) => {
        const { resourceSubscriptions } = (rpc.params ?? {})['notifications'] as { resourceSubscriptions?: string[] };
        const uris = JSON.stringify(resourceSubscriptions ?? []);
        response.on('close', () => closed.push(uris));
        open.set(uris, eventStream(response));
      },
    });
    const news = heard();
    const made = bench.upstreams(server.url, { ...modern({ resources: { subscribe: true } }), heard: news });
    const { organization, server: name } = call();
    made.watch(organization, name, watched('a://1'));
    await until(() => open.has('["a://1"]'));
    open.get('["a://1"]')?.({ method: 'notifications/resources/updated', params: { uri: 'a://1' } });
    await until(() => news.uris.length === 1);
    made.watch(organization, name, watched('a://1', 'a://2'));
    await until(() => closed.length === 1);
    expect([[...open.keys()], closed]).toEqual([['["a://1"]', '["a://1","a://2"]'], ['["a://1"]']]);
    open.get('["a://1","a://2"]')?.({ method: 'notifications/resources/updated', params: { uri: 'a://2' } });
    await until(() => news.uris.length === 2);
    made.watch(organization, name, watched());
    await until(() => closed.length === 2);
    expect(news.uris).toEqual(['a://1', 'a://2']);
  });

  it('brings news of a task to who watches it, and to nobody else', async () => {
    const streams = new Map<string, ReturnType<typeof eventStream>>();
    const server = await bench.stub(answer, { 'subscriptions/listen': (rpc, response) => streams.set(JSON.stringify(((rpc.params ?? {})['notifications'] as { taskIds?: unknown }).taskIds), eventStream(response)) });
    const made = bench.upstreams(server.url, modern());
    const news: unknown[] = [];
    const tasks = new Map(['a', 'b'].map((id) => [id, (task: object) => void news.push([id, task])]));
    made.watchTasks(call().organization, call().server, tasks);
    await until(() => streams.has('["a","b"]'));
    for (const taskId of ['b', 'c', 7]) streams.get('["a","b"]')?.({ method: 'notifications/tasks', params: { taskId, status: 'working' } });
    streams.get('["a","b"]')?.({ method: 'notifications/tasks', params: { taskId: 'a', status: 'completed' } });
    await until(() => news.length === 2);
    expect(news).toEqual([
      ['b', { taskId: 'b', status: 'working' }],
      ['a', { taskId: 'a', status: 'completed' }],
    ]);
    expect(server.received[0]?.rpc.params?.['_meta']).toMatchObject({ [`${KEY}clientCapabilities`]: { extensions: { [`${KEY}tasks`]: {} } } });
  });

  it.each<[string, (send: ReturnType<typeof eventStream>, id: unknown, response: Parameters<Handler>[1]) => void]>([
    ['ended by the server with a result', (send, id, response) => (send({ id, result: { resultType: 'complete' } }), response.end())],
    ['cut', (_send, _id, response) => response.destroy()],
  ])('goes on after it was %s, and what was missed counts as changed', async (_what, end) => {
    let listens = 0;
    const news = heard();
    const server = await bench.stub(answer, {
      'subscriptions/listen': (rpc, response) => {
        const send = eventStream(response);
        listens += 1;
        send({ method: 'notifications/subscriptions/acknowledged', params: { notifications: {} } });
        if (listens === 1) void until(() => news.uris.length === 1, 'what is first listened to').then(() => end(send, rpc.id, response));
      },
    });
    const made = bench.upstreams(server.url, { ...modern(CHANGES), heard: news });
    made.watch(call().organization, call().server, watched('a://1'));
    await until(() => listens === 2, 'the second listen');
    // Each once when it is first listened to, and once when that is so again.
    await until(() => news.lists === 2 && news.uris.length === 2, 'the news');
  });

  it('leaves a server alone that refuses', async () => {
    const server = await bench.stub(answer, { 'subscriptions/listen': (rpc, response) => json(response, 404, { jsonrpc: '2.0', id: rpc.id, error: { code: -32601, message: 'Method not found' } }) });
    const made = bench.upstreams(server.url, modern(CHANGES));
    await made.invoke(call(), never);
    await server.until((all) => all.some(({ rpc }) => rpc.method === 'subscriptions/listen'));
    for (let n = 0; n < 20; n += 1) await made.invoke(call(), never);
    expect(server.methods().filter((method) => method === 'subscriptions/listen')).toHaveLength(1);
  });
});

describe('A server that has changed its era', () => {
  it.each<[string, 'legacy' | 'modern', Handler]>([
    ['refuses the session of the old one', 'legacy', (rpc, response) => json(response, 400, { jsonrpc: '2.0', id: rpc.id, error: { code: -32022, message: 'Unsupported protocol version' } })],
    ['does not know the requests of the new one', 'modern', (_rpc, response) => void response.writeHead(400).end('Bad Request')],
    ['speaks another version', 'modern', (rpc, response) => json(response, 400, { jsonrpc: '2.0', id: rpc.id, error: { code: -32022, message: 'Unsupported protocol version' } })],
  ])('is discovered anew when it %s, once in a while', async (_what, era, refuse) => {
    const server = await bench.stub(refuse, { initialize: refuse });
    const news = heard();
    const made = bench.upstreams(server.url, { target: { era }, heard: news });
    for (let n = 0; n < 3; n += 1) await made.invoke(call(), never).catch(() => undefined);
    expect(news.lists).toBe(1);
  });

  it('is not suspected for refusing what a call asked of it', async () => {
    const server = await bench.stub((rpc, response) => json(response, 400, { jsonrpc: '2.0', id: rpc.id, error: { code: -32021, message: 'Missing capability' } }));
    const news = heard();
    expect(await bench.upstreams(server.url, { ...modern(), heard: news }).invoke(call(), never)).toMatchObject({ error: { code: -32021 } });
    expect(news.lists).toBe(0);
  });
});
