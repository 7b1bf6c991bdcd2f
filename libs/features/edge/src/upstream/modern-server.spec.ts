import { once } from 'node:events';
import { createServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { serverConfig, type CallId, type OrganizationName, type ServerName } from '@mcpgw/contracts';
import { silentLogger } from '@mcpgw/platform-runtime';
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server';
import { z } from 'zod';
import { HttpUpstreams } from './http-upstream.js';

/** A server made with the official SDK that speaks 2026-07-28 and nothing older. */
function sdkServer(): HttpServer {
  const handler = createMcpHandler(
    () => {
      const server = new McpServer({ name: 'sdk-modern', version: '2.4.0' });
      server.registerTool('greet', { description: 'Greets', inputSchema: z.object({ name: z.string() }) }, ({ name }) => ({ content: [{ type: 'text', text: `Hello, ${name}` }] }));
      return server;
    },
    { legacy: 'reject' },
  );
  return createServer((request, response) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const headers = new Headers(Object.entries(request.headers).map(([name, value]): [string, string] => [name, String(value)]));
      const body = chunks.length === 0 ? undefined : Buffer.concat(chunks).toString();
      const answer = await handler.fetch(new Request(`http://localhost${request.url}`, { method: request.method ?? 'POST', headers, body }));
      response.writeHead(answer.status, Object.fromEntries(answer.headers));
      response.end(Buffer.from(await answer.arrayBuffer()));
    })();
  });
}

describe('HttpUpstreams with a modern server of the official SDK', () => {
  let server: HttpServer;
  let url = '';
  let upstreams: HttpUpstreams;

  beforeAll(async () => {
    server = sdkServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`;
    const target = { url, headers: {}, allowPrivateNetwork: true, era: 'modern' as const };
    upstreams = new HttpUpstreams({ resolve: () => target, clientInfo: { name: 'mcp-gateway', version: '0' }, logger: silentLogger, onListChanged: () => undefined });
  });
  afterAll(async () => {
    await upstreams.close();
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });

  it('discovers it as modern, with its tools', async () => {
    const found = await upstreams.discover(serverConfig.parse({ organization: 'acme', name: 'sdk', http: { url, allowPrivateNetwork: true } }), {});
    expect(found).toMatchObject({ era: 'modern', protocolVersion: '2026-07-28', serverInfo: { name: 'sdk-modern' }, tools: [{ name: 'greet' }] });
  });

  it('calls its tool without any handshake', async () => {
    const call = { organization: 'acme' as OrganizationName, server: 'sdk' as ServerName, revision: 1, callId: '0' as CallId, method: 'tools/call', params: { name: 'greet', arguments: { name: 'Ada' } }, timeoutMs: 5_000 };
    const reply = await upstreams.invoke(call, new AbortController().signal);
    expect(reply).toMatchObject({ result: { resultType: 'complete', content: [{ type: 'text', text: 'Hello, Ada' }] } });
  });
});
