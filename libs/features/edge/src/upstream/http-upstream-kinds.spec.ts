import { afterEach, describe, expect, it } from '@jest/globals';
import { serverConfig, type CallId, type OrganizationName, type ServerName } from '@mcpgw/contracts';
import { silentLogger } from '@mcpgw/platform-runtime';
import type { UpstreamCall } from '../ports.js';
import type { HttpTarget } from './http-target.js';
import { HttpUpstreams } from './http-upstream.js';
import { json, stubServer, type Handler } from './testing/stub-server.js';

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function stub(...given: Parameters<typeof stubServer>): ReturnType<typeof stubServer> {
  const server = await stubServer(...given);
  closers.push(server.close);
  return server;
}

function upstreams(url: string, options: { target?: Partial<HttpTarget> } = {}) {
  const target: HttpTarget = { url, headers: { authorization: 'Bearer own' }, allowPrivateNetwork: true, era: 'legacy', ...options.target };
  const made = new HttpUpstreams({ resolve: () => target, clientInfo: { name: 'mcp-gateway', version: '0' }, logger: silentLogger, onListChanged: () => undefined });
  closers.push(() => made.close());
  return made;
}

function call(overrides: Partial<UpstreamCall> = {}): UpstreamCall {
  return { organization: 'acme' as OrganizationName, server: 'crm' as ServerName, revision: 1, callId: '0' as CallId, method: 'tools/call', params: { name: 'echo', arguments: { text: 'hi' } }, timeoutMs: 5_000, ...overrides };
}

const never = new AbortController().signal;
const echo: Handler = (rpc, response) => json(response, 200, { jsonrpc: '2.0', id: rpc.id, result: { content: [], echoed: rpc.params } });

describe('HttpUpstreams without permission for private networks', () => {
  it.each([
    ['plain http', (port: number) => `http://127.0.0.1:${port}/mcp`],
    ['loopback', (port: number) => `https://127.0.0.1:${port}/mcp`],
    ['a name for loopback', (port: number) => `https://localhost:${port}/mcp`],
    ['the metadata service', () => 'https://169.254.169.254/mcp'],
  ])('refuses %s without a packet', async (_name, url) => {
    const server = await stub(echo);
    const made = upstreams(url(server.port), { target: { allowPrivateNetwork: false } });
    await expect(made.invoke(call(), never)).rejects.toMatchObject({ code: 'upstream_failed', message: expect.stringContaining('allowPrivateNetwork') });
    expect(server.received).toEqual([]);
  });
});

describe('HttpUpstreams on a modern server', () => {
  const modern: Handler = (rpc, response, request) => {
    if (request.headers['mcp-method'] !== rpc.method) return json(response, 400, { jsonrpc: '2.0', id: rpc.id, error: { code: -32020, message: 'header mismatch' } });
    json(response, 200, { jsonrpc: '2.0', id: rpc.id, result: { resultType: 'complete', content: [], echoed: rpc.params } });
  };

  it('carries our own envelope and the standard headers, and no session', async () => {
    const server = await stub(modern);
    const params = { name: 'grüße', _meta: { 'io.modelcontextprotocol/clientInfo': { name: 'client', version: '9' }, 'io.modelcontextprotocol/logLevel': 'info', 'com.example/x': 1 } };
    const reply = await upstreams(server.url, { target: { era: 'modern' } }).invoke(call({ params }), never);
    expect(reply).toHaveProperty('result.resultType', 'complete');
    expect(server.received).toHaveLength(1);
    expect(server.received[0]?.headers).toMatchObject({ 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': `=?base64?${Buffer.from('grüße').toString('base64')}?=` });
    expect(server.received[0]?.rpc.params?.['_meta']).toEqual({
      'com.example/x': 1,
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientCapabilities': {},
      'io.modelcontextprotocol/clientInfo': { name: 'mcp-gateway', version: '0' },
      'io.modelcontextprotocol/logLevel': 'info',
    });
  });

  it('sends annotated arguments as headers too', async () => {
    const server = await stub(modern);
    const tool = { name: 'echo', inputSchema: { type: 'object' as const, properties: { region: { type: 'string', 'x-mcp-header': 'Region' } } } };
    await upstreams(server.url, { target: { era: 'modern', tools: [tool] } }).invoke(call({ params: { name: 'echo', arguments: { region: 'eu', text: 'x' } } }), never);
    expect(server.received[0]?.headers).toMatchObject({ 'mcp-param-region': 'eu' });
  });

  it('passes an error that comes with HTTP 404 as the answer that it is', async () => {
    const server = await stub((rpc, response) => json(response, 404, { jsonrpc: '2.0', id: rpc.id, error: { code: -32601, message: 'Method not found' } }));
    expect(await upstreams(server.url, { target: { era: 'modern' } }).invoke(call(), never)).toEqual({ error: { code: -32601, message: 'Method not found' } });
  });
});

describe('HttpUpstreams.discover', () => {
  const config = (url: string) => serverConfig.parse({ organization: 'acme', name: 'crm', http: { url, allowPrivateNetwork: true } });
  const tool = { name: 'echo', inputSchema: { type: 'object' } };

  it('finds a legacy server behind a refused probe, and ends its session', async () => {
    const server = await stub((rpc, response) => json(response, 200, { jsonrpc: '2.0', id: rpc.id, result: { tools: [tool] } }));
    const found = await upstreams(server.url).discover(config(server.url), { authorization: 'Bearer own' });
    expect(found).toMatchObject({ era: 'legacy', protocolVersion: '2025-11-25', tools: [tool], prompts: [] });
    expect(server.methods()).toEqual(['server/discover', 'initialize', 'notifications/initialized', 'tools/list', 'DELETE']);
  });

  it('finds a modern server', async () => {
    const meta = { 'io.modelcontextprotocol/serverInfo': { name: 'new', version: '2' } };
    const server = await stub((rpc, response) => json(response, 200, { jsonrpc: '2.0', id: rpc.id, result: { resultType: 'complete', tools: [tool] } }), {
      'server/discover': (rpc, response) => json(response, 200, { jsonrpc: '2.0', id: rpc.id, result: { resultType: 'complete', supportedVersions: ['2026-07-28'], capabilities: { tools: {} }, _meta: meta } }),
    });
    const found = await upstreams(server.url).discover(config(server.url), {});
    expect(found).toMatchObject({ era: 'modern', protocolVersion: '2026-07-28', serverInfo: { name: 'new' }, tools: [tool] });
    expect(server.methods()).toEqual(['server/discover', 'tools/list']);
  });

  it('tries once more with a server that refuses our version and lists it as supported', async () => {
    let refusals = 0;
    const server = await stub((rpc, response) => json(response, 200, { jsonrpc: '2.0', id: rpc.id, result: { resultType: 'complete', tools: [tool] } }), {
      'server/discover': (rpc, response) =>
        refusals++ === 0
          ? json(response, 400, { jsonrpc: '2.0', id: rpc.id, error: { code: -32022, message: 'Unsupported protocol version', data: { supported: ['2026-07-28'], requested: '2026-07-28' } } })
          : json(response, 200, { jsonrpc: '2.0', id: rpc.id, result: { supportedVersions: ['2026-07-28'], capabilities: { tools: {} } } }),
    });
    expect(await upstreams(server.url).discover(config(server.url), {})).toMatchObject({ era: 'modern', tools: [tool] });
    expect(server.methods()).toEqual(['server/discover', 'server/discover', 'tools/list']);
  });

  it('drops a tool of a modern server whose header annotation is invalid', async () => {
    const bad = { name: 'bad', inputSchema: { type: 'object', properties: { a: { type: 'object', 'x-mcp-header': 'A' } } } };
    const server = await stub((rpc, response) => json(response, 200, { jsonrpc: '2.0', id: rpc.id, result: { resultType: 'complete', tools: [bad, tool] } }), {
      'server/discover': (rpc, response) => json(response, 200, { jsonrpc: '2.0', id: rpc.id, result: { supportedVersions: ['2026-07-28'], capabilities: { tools: {} } } }),
    });
    const found = await upstreams(server.url).discover(config(server.url), {});
    expect([found.tools, found.dropped.map(({ name }) => name)]).toEqual([[tool], ['bad']]);
  });

  it('uses the session that calls use already', async () => {
    const server = await stub((rpc, response, request) => (rpc.method === 'tools/list' ? json(response, 200, { jsonrpc: '2.0', id: rpc.id, result: { tools: [] } }) : echo(rpc, response, request)));
    const made = upstreams(server.url);
    await made.invoke(call(), never);
    await made.discover(config(server.url), { authorization: 'Bearer own' });
    expect(server.methods().filter((method) => method === 'initialize' || method === 'DELETE')).toEqual(['initialize']);
  });

  it('names the culprit when the address is no MCP endpoint', async () => {
    const server = await stub(echo, { initialize: (_rpc, response) => void response.writeHead(200, { 'content-type': 'text/html' }).end('<html>') });
    await expect(upstreams(server.url).discover(config(server.url), {})).rejects.toMatchObject({ message: expect.stringContaining('Check that its URL is that of an MCP endpoint') });
  });
});
