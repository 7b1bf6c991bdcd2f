import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { serverConfig } from '@mcpgw/contracts';
import { organization, request, server, TestEdge, until, type TestKey } from '../edge.fixture.js';

describe('a hostile HTTP server', () => {
  const edge = new TestEdge();
  let agent: TestKey;
  let upstream: Server;
  /** JSON text of the result of the next call. */
  let result = '{}';

  beforeAll(async () => {
    upstream = createServer((incoming, response) => {
      if (incoming.method !== 'POST') return void response.writeHead(405).end();
      let text = '';
      incoming.on('data', (part) => (text += part)).on('end', () => {
        const { id, method } = JSON.parse(text) as { id?: unknown; method: string };
        const handshake = '{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"w","version":"1"}}';
        if (id === undefined) response.writeHead(202).end();
        else response.setHeader('content-type', 'application/json').end(`{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":${method === 'initialize' ? handshake : result}}`);
      });
    }).listen(0, '127.0.0.1');
    await once(upstream, 'listening');
    const url = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}/mcp`;
    const web = { ...server('acme', 'web', ['fetch']), config: serverConfig.parse({ organization: 'acme', name: 'web', http: { url, allowPrivateNetwork: true } }) };
    edge.registry.views.set('acme', organization('acme', { servers: [web] }));
    agent = edge.addKey('acme', 'agent');
    await edge.start();
  });
  afterAll(async () => {
    await edge.close();
    upstream.close();
  });

  it.each([
    ['nests its answer deeper than any stack', `{"content":${'['.repeat(200_000)}${']'.repeat(200_000)}}`],
    ['answers with other types than it should', '{"content":[null,1,"x",{"type":"resource"},{"type":"resource_link","uri":5}]}'],
    ['answers no object', '[]'],
  ])('that %s costs its call one outcome and nobody else anything', async (_what, text) => {
    result = text;
    edge.entries.written.length = 0;
    const { status, body } = await edge.post(agent.key, request('tools/call', { name: 'web__fetch' }, 3));
    expect({ status, id: body.id }).toEqual({ status: 200, id: 3 });
    await until(() => edge.entries.of('tools/call').length === 2);
    expect(edge.entries.of('tools/call').map(({ phase }) => phase)).toEqual(['intent', 'outcome']);
    result = '{"content":[]}';
    expect((await edge.post(agent.key, request('tools/call', { name: 'web__fetch' }))).body.result).toEqual({ content: [] });
  });
});
