import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { organization, request, TestEdge, type TestKey } from '../edge.fixture.js';

interface Raw {
  readonly status: number;
  readonly body: string;
}

/** A request with exactly these headers, which fetch would not send. */
function raw(url: string, headers: Record<string, string | string[]>, body = '', method = 'POST'): Promise<Raw> {
  return new Promise((resolve, reject) => {
    const sent = httpRequest(url, { method, headers }, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part)).on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(parts).toString() }));
    });
    sent.on('error', reject).end(body);
  });
}

describe('the boundary of the port', () => {
  const edge = new TestEdge();
  let agent: TestKey;

  beforeAll(async () => {
    edge.registry.views.set('acme', organization());
    agent = edge.addKey('acme', 'agent');
    await edge.start({ maxBodyBytes: 4_096, edgeAllowedHosts: ['mcp.example.com'], edgeAllowedOrigins: ['https://app.example.com'] });
  });
  afterAll(() => edge.close());
  beforeEach(() => void (edge.entries.written.length = 0));

  const json = { 'content-type': 'application/json' };
  const ping = JSON.stringify(request('ping'));

  describe('Host and Origin', () => {
    it.each([
      ['POST', '/mcp'],
      ['GET', '/mcp'],
      ['GET', '/healthz'],
      ['GET', '/readyz'],
      ['GET', '/no-such-path'],
    ])('refuses a foreign Host on %s %s before authentication, with an entry', async (method, path) => {
      const { status, body } = await raw(edge.url + path, { ...json, host: 'evil.test' }, method === 'POST' ? ping : '', method);
      expect(status).toBe(403);
      expect(JSON.parse(body)).toMatchObject({ jsonrpc: '2.0', id: null, error: { code: -31403 } });
      expect(edge.entries.written).toMatchObject([{ phase: 'denied', organization: 'operator', outcome: { code: 'origin_refused' } }]);
    });

    it.each(['evil.test', 'localhost.evil.test', 'localhost:80:90', '127.0.0.1.evil.test', 'mcp.example.com.evil.test'])('refuses Host %j', async (host) => {
      expect((await raw(`${edge.url}/healthz`, { host }, '', 'GET')).status).toBeGreaterThanOrEqual(400);
    });

    it.each(['localhost', 'localhost:1234', '127.0.0.1:80', '[::1]:9', 'mcp.example.com', 'MCP.example.com:443'])('serves Host %s', async (host) => {
      expect((await raw(`${edge.url}/healthz`, { host }, '', 'GET')).status).toBe(200);
    });

    it.each(['null', 'https://evil.test', 'http://localhost.evil.test', 'file://', 'http://127.0.0.1:80@evil.test'])('refuses Origin %s', async (origin) => {
      const { status } = await edge.post(agent.key, request('ping'), { origin });
      expect(status).toBe(403);
    });

    it.each(['http://localhost:5173', 'http://127.0.0.1', 'https://app.example.com'])('serves Origin %s', async (origin) => {
      expect((await edge.post(agent.key, request('ping'), { origin })).status).toBe(200);
    });

    it('refuses a header that decides something and was sent twice', async () => {
      const { status } = await raw(`${edge.url}/mcp`, { ...json, host: 'localhost', 'mcp-method': ['ping', 'tools/call'] }, ping);
      expect(status).toBe(400);
    });
  });

  describe('bodies', () => {
    it.each([
      ['not JSON', '{', 400, -32700],
      ['a duplicate key', '{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call"}', 400, -32600],
      ['a key in another case', '{"jsonrpc":"2.0","id":1,"method":"ping","Method":"tools/call"}', 400, -32600],
      ['an unsafe integer', '{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":9007199254740993}}', 400, -32600],
      ['too deep nesting', `{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":${'['.repeat(100)}${']'.repeat(100)}}}`, 400, -32600],
      ['a batch', `[${ping}]`, 400, -32600],
      ['__proto__', '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"__proto__":{}}}', 400, -32600],
      ['no body', '', 400, -32700],
    ])('refuses %s with a JSON-RPC error and an entry', async (_what, body, status, code) => {
      const answer = await edge.post(agent.key, body);
      expect({ status: answer.status, code: answer.body.error.code }).toEqual({ status, code });
      expect(edge.entries.written).toMatchObject([{ phase: 'denied', organization: 'acme', method: 'unparsed' }]);
    });

    it('answers 413 with a JSON-RPC error and an entry', async () => {
      const { status, body } = await edge.post(agent.key, request('ping', { filler: 'x'.repeat(5_000) }));
      expect({ status, code: body.error.code }).toEqual({ status: 413, code: -32600 });
      expect(body.error.message).toContain('4096');
      expect(edge.entries.written).toMatchObject([{ phase: 'denied', outcome: { code: 'payload_too_large' } }]);
    });

    it.each([
      ['text', { 'content-type': 'text/plain' }],
      ['a compressed body', { 'content-encoding': 'gzip' }],
    ])('refuses %s', async (_what, headers) => {
      expect((await edge.post(agent.key, request('ping'), headers as Record<string, string>)).status).toBe(415);
    });

    it('never runs a call that has no id', async () => {
      const { status } = await edge.post(agent.key, { jsonrpc: '2.0', method: 'tools/call', params: { name: 'files__read_file' } });
      expect(status).toBe(400);
      expect(edge.runner.calls).toEqual([]);
      expect(edge.entries.written).toMatchObject([{ phase: 'denied', method: 'tools/call' }]);
    });
  });

  it('answers bytes that are no HTTP with a JSON-RPC error', async () => {
    const { port } = new URL(edge.url);
    const text = await new Promise<string>((resolve, reject) => {
      let read = '';
      const socket = connect(Number(port), '127.0.0.1', () => socket.write('HELO there\r\n\r\n'));
      socket.on('data', (part) => (read += part.toString())).on('close', () => resolve(read)).on('error', reject);
    });
    expect(text).toMatch(/^HTTP\/1.1 400 /);
    expect(JSON.parse(text.slice(text.indexOf('{')))).toMatchObject({ jsonrpc: '2.0', id: null, error: { code: -32600 } });
    expect(edge.entries.written).toMatchObject([{ phase: 'denied', method: 'unparsed' }]);
  });

  it.each(['PUT', 'PATCH', 'OPTIONS'])('answers %s with 405', async (method) => {
    expect((await raw(`${edge.url}/mcp`, { host: 'localhost' }, '', method)).status).toBe(405);
  });

  it.each(['/mcp/', '/mcp/a/b', `/mcp/${'x'.repeat(600)}`, '/mcp/..%2fadmin', '/mcp/Plain', '/mcp/plain;x'])('answers %s with 404 and a JSON-RPC error', async (path) => {
    const { status, body } = await edge.post(agent.key, request('ping'), {}, path);
    expect({ status, jsonrpc: (body as unknown as { jsonrpc: string }).jsonrpc, code: body.error.code }).toEqual({ status: 404, jsonrpc: '2.0', code: -32602 });
    expect(edge.entries.written).toMatchObject([{ phase: 'denied' }]);
  });

  describe('pages of other origins', () => {
    const origin = 'https://app.example.com';
    const preflight = { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'MCP-Protocol-Version, Mcp-Method,mcp-name, Mcp-Session-Id, Last-Event-ID, Authorization, Content-Type, Mcp-Param-Region, X-Internal' };

    it('may ask for leave to send what MCP needs and nothing else, before they have a key', async () => {
      const response = await fetch(`${edge.url}/mcp/plain`, { method: 'OPTIONS', headers: preflight });
      expect(response.status).toBe(204);
      expect(Object.fromEntries(response.headers)).toMatchObject({
        'access-control-allow-origin': origin,
        'access-control-allow-headers': 'mcp-protocol-version, mcp-method, mcp-name, mcp-session-id, last-event-id, authorization, content-type, mcp-param-region',
        'access-control-allow-methods': 'GET, POST, DELETE',
        vary: 'Origin',
      });
      expect(edge.entries.written).toEqual([]);
    });

    it('may read the answer, and of its headers those that they need', async () => {
      const served = await edge.post(agent.key, request('ping'), { origin });
      const refused = await edge.post(undefined, request('ping'), { origin });
      expect([served.status, refused.status]).toEqual([200, 401]);
      for (const { headers } of [served, refused]) expect([headers.get('access-control-allow-origin'), headers.get('access-control-expose-headers')]).toEqual([origin, 'Mcp-Session-Id, WWW-Authenticate, Retry-After']);
    });

    it('are refused with a JSON-RPC error when their origin is not allowed, also before they ask', async () => {
      const { status, body } = await raw(`${edge.url}/mcp`, { ...preflight, host: 'localhost', origin: 'https://evil.test' }, '', 'OPTIONS');
      expect({ status, code: (JSON.parse(body) as { error: { code: number } }).error.code }).toEqual({ status: 403, code: -31403 });
    });
  });

  it('says that it is ready', async () => {
    const response = await fetch(`${edge.url}/readyz`);
    expect({ status: response.status, body: await response.json() }).toEqual({ status: 200, body: { ready: true, waitingFor: [] } });
  });
});
