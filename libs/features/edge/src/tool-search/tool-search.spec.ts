import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { limitConfig, routeConfig } from '@mcpgw/contracts';
import { organization, request, TestEdge, until, type TestKey } from '../edge.fixture.js';

const VERSION = '2026-07-28';
const ENVELOPE = { 'io.modelcontextprotocol/protocolVersion': VERSION, 'io.modelcontextprotocol/clientCapabilities': {} };

describe('a route with tool search', () => {
  const edge = new TestEdge();
  let agent: TestKey;

  beforeAll(async () => {
    edge.registry.views.set(
      'acme',
      organization('acme', {
        routes: [routeConfig.parse({ organization: 'acme', name: 'search', servers: ['files', 'crm'], toolSearch: true })],
        limits: [limitConfig.parse({ organization: 'acme', name: 'crm-only', tool: 'crm/*', calls: 2, per: 'hour' })],
      }),
    );
    agent = edge.addKey('acme', 'agent');
    await edge.start();
  });
  afterAll(() => edge.close());
  beforeEach(() => {
    edge.entries.written.length = 0;
    edge.policy.change((roles) => roles.length > 0);
  });

  const legacy = (method: string, params: object) => edge.post(agent.key, request(method, params), {}, '/mcp/search');
  const modern = (method: string, params: Record<string, unknown> = {}) =>
    edge.post(agent.key, request(method, { ...params, _meta: ENVELOPE }), { 'mcp-protocol-version': VERSION, 'mcp-method': method, ...(typeof params['name'] === 'string' ? { 'mcp-name': params['name'] } : {}) }, '/mcp/search');
  const eras = [
    ['legacy', legacy],
    ['modern', modern],
  ] as const;
  const textOf = (answer: Awaited<ReturnType<typeof legacy>>) => (answer.body.result as unknown as { content: { text: string }[] }).content[0]?.text ?? '';

  describe.each(eras)('for a %s client', (_era, ask) => {
    it('lists the two tools alone', async () => {
      const { body } = await ask('tools/list', {});
      expect((body.result as unknown as { tools: { name: string }[] }).tools.map(({ name }) => name)).toEqual(['call_tool', 'search_tools']);
    });

    it('finds tools by what they do, with what a call needs', async () => {
      const found = JSON.parse(textOf(await ask('tools/call', { name: 'search_tools', arguments: { query: 'write to a file', limit: 1 } }))) as object[];
      expect(found).toEqual([{ name: 'files__write_file', description: 'write_file of files', inputSchema: { type: 'object', properties: { path: { type: 'string' } } } }]);
    });

    it('calls what was found, under its own name on its own server', async () => {
      await ask('tools/call', { name: 'call_tool', arguments: { name: 'files__read_file', arguments: { path: 'a' } } });
      expect(edge.runner.calls.at(-1)).toMatchObject({ server: 'files', method: 'tools/call', params: { name: 'read_file', arguments: { path: 'a' } } });
      expect(edge.entries.of('tools/call')).toMatchObject([
        { phase: 'intent', server: 'files', target: 'read_file' },
        { phase: 'outcome', server: 'files', target: 'read_file', outcome: { status: 'ok' } },
      ]);
    });
  });

  it('writes a search down as answered by the gateway itself', async () => {
    await modern('tools/call', { name: 'search_tools', arguments: { query: 'file' } });
    expect(edge.entries.of('tools/call')).toMatchObject([{ phase: 'outcome', outcome: { status: 'ok' } }]);
    expect(edge.entries.of('tools/call')[0]).not.toHaveProperty('server');
  });

  it('finds, calls and names nothing that the caller may not see', async () => {
    edge.policy.change((roles, _action, _server, target) => roles.length > 0 && target !== 'write_file');
    expect(textOf(await modern('tools/call', { name: 'search_tools', arguments: { query: 'write' } }))).toMatch(/^No tool matches. There are 2 tools/);
    const denied = await modern('tools/call', { name: 'call_tool', arguments: { name: 'files__write_file' } });
    const unknown = await modern('tools/call', { name: 'call_tool', arguments: { name: 'files__write_fils' } });
    expect(denied.body.error.code).toBe(-32602);
    expect(denied.text.replace('write_file', '')).toBe(unknown.text.replace('write_fils', ''));
  });

  it('judges and counts the tool that runs, not the one that was named', async () => {
    const forbidden = await modern('tools/call', { name: 'call_tool', arguments: { name: 'files__read_file', arguments: { forbidden: 1 } } });
    expect(forbidden.body.error).toMatchObject({ code: -31403, message: 'Leave out "forbidden".' });
    const { result } = (await modern('tools/call', { name: 'search_tools', arguments: { query: 'customer' } })).body;
    const [{ name }] = JSON.parse((result as unknown as { content: { text: string }[] }).content[0]?.text ?? '') as [{ name: string }];
    const call = () => modern('tools/call', { name: 'call_tool', arguments: { name } });
    expect((await call()).body.result).toBeDefined();
    expect((await call()).body.result).toBeDefined();
    expect((await call()).body.error.code).toBe(-31429);
    expect((await modern('tools/call', { name: 'search_tools', arguments: { query: 'customer' } })).status).toBe(200);
  });

  it('is called by names without a search, too', async () => {
    expect((await modern('tools/call', { name: 'files__read_file', arguments: {} })).body.result).toBeDefined();
  });

  it('needs no headers for the arguments of a tool that is called through it', async () => {
    const inputSchema = { type: 'object' as const, properties: { region: { type: 'string', 'x-mcp-header': 'Region' } } };
    edge.registry.change('acme', (view) => ({ ...view, servers: view.servers.map((one) => ({ ...one, definition: one.definition && { ...one.definition, tools: one.definition.tools.map((tool) => ({ ...tool, inputSchema })) } })) }));
    await until(async () => textOf(await modern('tools/call', { name: 'search_tools', arguments: { query: 'file' } })).includes('x-mcp-header'));
    expect((await modern('tools/call', { name: 'files__read_file', arguments: { region: 'eu' } })).body.error.code).toBe(-32020);
    expect((await modern('tools/call', { name: 'call_tool', arguments: { name: 'files__read_file', arguments: { region: 'eu' } } })).body.result).toBeDefined();
  });

  it.each([
    ['search_tools', {}, '"query"'],
    ['search_tools', { query: 7 }, '"query"'],
    ['search_tools', { query: 'x'.repeat(2_000) }, '"query"'],
    ['search_tools', { query: 'x', limit: 0 }, '"limit"'],
    ['search_tools', { query: 'x', limit: 1e9 }, '"limit"'],
    ['call_tool', {}, '"name"'],
    ['call_tool', { name: 'files__read_file', arguments: 'none' }, '"arguments"'],
    ['call_tool', { name: 'call_tool', arguments: { name: 'files__read_file' } }, 'Unknown tool'],
  ])('refuses %s with %j', async (name, given, word) => {
    const before = edge.runner.calls.length;
    const { status, body } = await modern('tools/call', { name, arguments: given });
    expect({ status, code: body.error.code }).toEqual({ status: 200, code: -32602 });
    expect(body.error.message).toContain(word);
    expect(edge.runner.calls).toHaveLength(before);
  });
});
