import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { echo, organization, request, server, TestEdge, until, type TestKey } from './edge.fixture.js';

const VERSION = '2026-07-28';
const ENVELOPE = { 'io.modelcontextprotocol/protocolVersion': VERSION, 'io.modelcontextprotocol/clientCapabilities': {}, 'io.modelcontextprotocol/clientInfo': { name: 'spec', version: '1' } };

describe('modern clients', () => {
  const edge = new TestEdge();
  let agent: TestKey;
  let client: Client;

  beforeAll(async () => {
    edge.registry.views.set('acme', organization('acme', { servers: [server('acme', 'files', ['read_file', 'write_file']), server('acme', 'new', ['fresh'], 'modern')] }));
    agent = edge.addKey('acme', 'agent');
    await edge.start();
    client = new Client({ name: 'spec', version: '1' }, { versionNegotiation: { mode: { pin: VERSION } } });
    await client.connect(new StreamableHTTPClientTransport(new URL(`${edge.url}/mcp`), { requestInit: { headers: { authorization: `Bearer ${agent.key}` } } }));
  });
  afterAll(async () => {
    await client.close();
    await edge.close();
  });
  beforeEach(() => {
    edge.runner.answer = echo;
    edge.entries.written.length = 0;
  });

  function post(method: string, params: Record<string, unknown> = {}, headers: Record<string, string | undefined> = {}) {
    const name = params['name'] ?? params['uri'];
    const all: Record<string, string | undefined> = { 'mcp-protocol-version': VERSION, 'mcp-method': method, ...(typeof name === 'string' ? { 'mcp-name': name } : {}), ...headers };
    const present = Object.fromEntries(Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined));
    return edge.post(agent.key, request(method, { _meta: ENVELOPE, ...params }), present);
  }

  it('serve the SDK of the stateless era: discover, lists, calls, reads, prompts, completion', async () => {
    expect(client.getProtocolEra()).toBe('modern');
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(['files__read_file', 'files__write_file', 'new__fresh']);
    expect(await client.callTool({ name: 'files__read_file', arguments: { path: 'x' } })).toMatchObject({ content: [{ type: 'text' }] });
    expect((await client.readResource({ uri: 'files+note://files/1' })).contents).toHaveLength(1);
    expect((await client.getPrompt({ name: 'files__greet' })).messages).toHaveLength(1);
    expect((await client.complete({ ref: { type: 'ref/prompt', name: 'files__greet' }, argument: { name: 'who', value: 'o' } })).completion.values).toEqual(['one', 'two']);
    expect(edge.entries.of('tools/call')).toMatchObject([{ phase: 'intent', client: { era: 'modern', protocolVersion: VERSION, name: 'spec' } }, { phase: 'outcome' }]);
  });

  it('are told what a result is, and how long and for whom a list may be kept', async () => {
    const modern = { resultType: 'complete', _meta: { 'io.modelcontextprotocol/serverInfo': { name: 'mcp-gateway' } } };
    expect((await post('tools/list')).body.result).toMatchObject({ ...modern, ttlMs: 5_000, cacheScope: 'private' });
    expect((await post('server/discover')).body.result).toMatchObject({ ...modern, supportedVersions: [VERSION], capabilities: { tools: {} }, cacheScope: 'private' });
    expect((await post('resources/read', { uri: 'files+note://files/1' })).body.result).toMatchObject({ ...modern, ttlMs: 0, cacheScope: 'private' });
    const called = (await post('tools/call', { name: 'files__read_file' })).body.result;
    expect(called).toMatchObject(modern);
    expect(called).not.toHaveProperty('ttlMs');
  });

  it('do not show their envelope to a legacy server', async () => {
    await post('tools/call', { name: 'files__read_file', _meta: { ...ENVELOPE, progressToken: 5, 'com.example/kept': 1 } });
    expect(edge.runner.calls.at(-1)?.params['_meta']).toEqual({ progressToken: 5, 'com.example/kept': 1 });
  });

  it.each([
    ['a method header that says another method', 'tools/call', { name: 'files__read_file' }, { 'mcp-method': 'ping' }],
    ['a name header that names another tool', 'tools/call', { name: 'files__write_file' }, { 'mcp-name': 'files__read_file' }],
    ['no name header', 'tools/call', { name: 'files__write_file' }, { 'mcp-name': undefined }],
    ['no version header', 'tools/list', {}, { 'mcp-protocol-version': undefined }],
  ])('are refused with %s: 400, -32020, an entry, no call', async (_what, method, params, headers) => {
    const before = edge.runner.calls.length;
    const { status, body } = await post(method, params, headers);
    expect({ status, code: body.error.code }).toEqual({ status: 400, code: -32020 });
    expect(edge.entries.written).toMatchObject([{ phase: 'denied', method, organization: 'acme', outcome: { code: '-32020' } }]);
    expect(edge.runner.calls).toHaveLength(before);
  });

  describe('of a tool with an argument in a header', () => {
    beforeAll(async () => {
      const annotated = server('acme', 'ann', ['t']);
      const schema = { type: 'object' as const, properties: { region: { type: 'string', 'x-mcp-header': 'Region' }, level: { type: 'integer', 'x-mcp-header': 'Level' } } };
      edge.registry.change('acme', (view) => ({ ...view, servers: [...view.servers, { ...annotated, definition: { ...annotated.definition!, tools: [{ name: 't', inputSchema: schema }] } }] }));
      await until(async () => (await post('tools/list')).text.includes('ann__t'));
    });

    const call = (args: object, headers: Record<string, string>) => post('tools/call', { name: 'ann__t', arguments: args }, headers);

    it.each([
      ['equal', { region: 'eu', level: 7 }, { 'mcp-param-region': 'eu', 'mcp-param-level': '7' }],
      ['equal as numbers', { level: 7 }, { 'mcp-param-level': '+07' }],
      ['encoded', { region: 'é' }, { 'mcp-param-region': `=?base64?${Buffer.from('é').toString('base64')}?=` }],
      ['absent like the argument', {}, {}],
    ])('are served when it is %s', async (_what, args, headers) => {
      expect((await call(args, headers)).status).toBe(200);
    });

    it.each([
      ['another', { region: 'eu' }, { 'mcp-param-region': 'us' }],
      ['missing', { region: 'eu' }, {}],
      ['there without the argument', {}, { 'mcp-param-region': 'eu' }],
      ['broken Base64', { region: 'eu' }, { 'mcp-param-region': '=?base64?!?=' }],
    ])('are refused when it is %s', async (_what, args, headers) => {
      const { status, body } = await call(args, headers as Record<string, string>);
      expect({ status, code: body.error.code }).toEqual({ status: 400, code: -32020 });
    });
  });

  it('can not avoid the decision with headers of an older version: the body decides', async () => {
    edge.policy.change((roles, _action, _server, target) => roles.length > 0 && target !== 'write_file');
    const { body } = await edge.post(agent.key, request('tools/call', { name: 'files__write_file' }), { 'mcp-protocol-version': '2025-11-25', 'mcp-name': 'files__read_file', 'mcp-method': 'tools/call' });
    edge.policy.change((roles) => roles.length > 0);
    expect(body.error.code).toBe(-32602);
  });

  it.each(['initialize', 'ping', 'logging/setLevel', 'resources/subscribe', 'no/such-method'])('are answered 404 and -32601 to %s', async (method) => {
    const { status, body } = await post(method);
    expect({ status, code: body.error.code }).toEqual({ status: 404, code: -32601 });
  });

  it('are told the versions that are served when they ask for another', async () => {
    const { status, body } = await edge.post(agent.key, request('tools/list', { _meta: { ...ENVELOPE, 'io.modelcontextprotocol/protocolVersion': '2030-01-01' } }), { 'mcp-protocol-version': '2030-01-01', 'mcp-method': 'tools/list' });
    expect({ status, error: body.error }).toMatchObject({ status: 400, error: { code: -32022, data: { supported: [VERSION], requested: '2030-01-01' } } });
  });

  it('get log messages of the level that they asked for, and none unasked', async () => {
    edge.runner.answer = (call) => {
      for (const level of ['debug', 'warning']) call.event('notifications/message', { level, data: level });
      return echo(call);
    };
    const silent = await post('tools/call', { name: 'files__read_file' });
    expect(silent.headers.get('content-type')).toMatch(/^application\/json/);
    const { text } = await post('tools/call', { name: 'files__read_file', _meta: { ...ENVELOPE, 'io.modelcontextprotocol/logLevel': 'info' } });
    expect(text).toContain('"level":"warning"');
    expect(text).not.toContain('"level":"debug"');
  });

  it('may send notifications, which are taken in', async () => {
    const { status } = await edge.post(agent.key, { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } }, { 'mcp-protocol-version': VERSION });
    expect(status).toBe(202);
  });

  it('do not get sessions', async () => {
    expect((await post('server/discover')).headers.get('mcp-session-id')).toBeNull();
  });
});
