import { createServer } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { routeConfig, serverConfig, type ServerView } from '@mcpgw/contracts';
import { organization, request, server, TestEdge, type TestKey } from '../edge.fixture.js';
import { stubServer } from '../upstream/testing/stub-server.js';

const VERSION = '2026-07-28';
const ENVELOPE = { 'io.modelcontextprotocol/protocolVersion': VERSION, 'io.modelcontextprotocol/clientCapabilities': {} };

describe('routes of several servers', () => {
  const edge = new TestEdge();
  let upstream: Awaited<ReturnType<typeof stubServer>>;
  let agent: TestKey;

  /** A port that nobody listens on. */
  async function deadPort(): Promise<number> {
    const taken = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => taken.once('listening', resolve));
    const { port } = taken.address() as { port: number };
    await new Promise((resolve) => taken.close(resolve));
    return port;
  }

  beforeAll(async () => {
    upstream = await stubServer(({ id }, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ jsonrpc: '2.0', id, result: { resultType: 'complete', content: [] } }));
    });
    const http = (name: string, port: number): ServerView['config'] => serverConfig.parse({ organization: 'acme', name, http: { url: `http://127.0.0.1:${port}/mcp`, allowPrivateNetwork: true }, callTimeoutSeconds: 5 });
    const annotated = server('acme', 'web', ['odd.name'], 'modern');
    const schema = { type: 'object' as const, properties: { region: { type: 'string', 'x-mcp-header': 'Region' }, level: { type: 'integer', 'x-mcp-header': 'Level' } } };
    const failed = { state: 'failed' as const, since: new Date().toISOString(), problem: 'It does not answer.' };
    const { definition: _unknown, ...neverSeen } = server('acme', 'never-seen', []);
    edge.registry.views.set(
      'acme',
      organization('acme', {
        servers: [
          { ...annotated, config: http('web', upstream.port), definition: { ...annotated.definition!, tools: [{ name: 'odd.name', inputSchema: schema }] } },
          { ...server('acme', 'dead', ['read'], 'modern'), config: http('dead', await deadPort()), health: failed },
          { ...neverSeen, health: failed },
          server('acme', 'files', ['read_file']),
        ],
        routes: [
          routeConfig.parse({ organization: 'acme', name: 'all', servers: ['web', 'dead', 'never-seen', 'files'] }),
          routeConfig.parse({ organization: 'acme', name: 'search', servers: ['web', 'files'], toolSearch: true }),
        ],
      }),
    );
    agent = edge.addKey('acme', 'agent');
    await edge.start();
  });
  afterAll(async () => {
    await edge.close();
    await upstream.close();
  });

  const modern = (method: string, params: Record<string, unknown> = {}, headers: Record<string, string> = {}, route = 'all') =>
    edge.post(agent.key, request(method, { ...params, _meta: ENVELOPE }), { 'mcp-protocol-version': VERSION, 'mcp-method': method, ...(typeof params['name'] === 'string' ? { 'mcp-name': params['name'] } : {}), ...headers }, `/mcp/${route}`);
  const shownName = async () => ((await modern('tools/list')).body.result as unknown as { tools: { name: string }[] }).tools.map(({ name }) => name).find((name) => name.startsWith('web__')) ?? '';
  const lastHeaders = () => upstream.received.filter(({ rpc }) => rpc.method === 'tools/call').at(-1)?.headers;
  const RENAMED = { 'mcp-name': 'odd.name', 'mcp-method': 'tools/call', 'mcp-param-region': 'eu', 'mcp-param-level': '7' };

  it('send the headers of a renamed tool on under its own name', async () => {
    const name = await shownName();
    expect(name).toMatch(/^web__odd_name_[0-9a-f]{8}$/);
    const { status } = await modern('tools/call', { name, arguments: { region: 'eu', level: 7 } }, { 'mcp-param-region': 'eu', 'mcp-param-level': '7' });
    expect(status).toBe(200);
    expect(lastHeaders()).toMatchObject(RENAMED);
  });

  it('make those headers themselves for clients that send none: older ones, and through call_tool', async () => {
    const name = await shownName();
    const before = upstream.received.length;
    await edge.post(agent.key, request('tools/call', { name, arguments: { region: 'eu', level: 7 } }), {}, '/mcp/all');
    expect(lastHeaders()).toMatchObject(RENAMED);
    await modern('tools/call', { name: 'call_tool', arguments: { name, arguments: { region: 'eu', level: 7 } } }, {}, 'search');
    expect(lastHeaders()).toMatchObject(RENAMED);
    expect(upstream.received.slice(before).filter(({ rpc }) => rpc.method === 'tools/call')).toHaveLength(2);
  });

  it('list what a dead server was known to offer, name it when it is called, and serve the others meanwhile', async () => {
    const { body } = await modern('tools/list');
    expect((body.result as unknown as { tools: { name: string }[] }).tools.map(({ name }) => name)).toEqual(['dead__read', 'files__read_file', expect.stringMatching(/^web__/)]);
    const [dead, alive] = await Promise.all([modern('tools/call', { name: 'dead__read' }), modern('tools/call', { name: 'files__read_file' })]);
    expect(dead.body.error).toMatchObject({ code: -31502, message: expect.stringContaining('dead') });
    expect(alive.body.result).toBeDefined();
  });
});
