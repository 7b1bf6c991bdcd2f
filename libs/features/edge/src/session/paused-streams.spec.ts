import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { serverConfig } from '@mcpgw/contracts';
import { organization, request, server, TestEdge, until } from '../edge.fixture.js';
import { StreamReader } from './watching.fixture.js';

/** A server that closes the stream of every call at once, and has its client come back for the answer (SEP-1699). */
const pausing = createServer((incoming, response) => void serve(incoming, response));
let id: unknown;

async function serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
  const parts: Buffer[] = [];
  for await (const part of incoming) parts.push(part as Buffer);
  const events = { 'content-type': 'text/event-stream' };
  if (incoming.method === 'GET') {
    if (incoming.headers['last-event-id'] === undefined) return void response.writeHead(405).end();
    return void response.writeHead(200, events).end(`id: 2\ndata: ${JSON.stringify({ jsonrpc: '2.0', id, result: { content: [] } })}\n\n`);
  }
  const message = JSON.parse(Buffer.concat(parts).toString()) as { id?: unknown; method: string };
  if (message.id === undefined) return void response.writeHead(202).end();
  if (message.method === 'tools/call') {
    id = message.id;
    return void response.writeHead(200, events).end('id: 1\nretry: 300\ndata: \n\n');
  }
  const result = { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo: { name: 'pausing', version: '1' } };
  response.writeHead(200, { 'content-type': 'application/json', 'mcp-session-id': 's' }).end(JSON.stringify({ jsonrpc: '2.0', id: message.id, result }));
}

describe('a server that has its client come back for the answer', () => {
  const edge = new TestEdge();
  let key: string;

  beforeAll(async () => {
    pausing.listen(0, '127.0.0.1');
    await once(pausing, 'listening');
    const url = `http://127.0.0.1:${(pausing.address() as AddressInfo).port}/mcp`;
    const view = { ...server('acme', 'pausing', ['slow']), config: serverConfig.parse({ organization: 'acme', name: 'pausing', http: { url, allowPrivateNetwork: true }, callTimeoutSeconds: 10 }) };
    edge.registry.views.set('acme', organization('acme', { servers: [view], routes: [] }));
    ({ key } = edge.addKey('acme', 'agent'));
    await edge.start();
  });
  afterAll(async () => {
    await edge.close();
    pausing.close();
  });

  async function call(version: string): Promise<{ stream: StreamReader; session: string }> {
    const { headers } = await edge.post(key, request('initialize', { protocolVersion: version, capabilities: {}, clientInfo: { name: 'c', version: '1' } }));
    const session = headers.get('mcp-session-id') ?? '';
    const stream = await StreamReader.open(`${edge.url}/mcp`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', authorization: `Bearer ${key}`, 'mcp-session-id': session },
      body: JSON.stringify(request('tools/call', { name: 'pausing__slow' })),
    });
    return { stream, session };
  }

  it('has ours come back too: the stream is closed in mid-call and the answer comes on the next one', async () => {
    const { stream, session } = await call('2025-11-25');
    await until(() => stream.ended, 'the end of the stream');
    expect(stream.messages).toEqual([]);
    const resumed = await StreamReader.get(edge, key, session, { 'last-event-id': stream.lastEventId });
    await until(() => resumed.ended, 'the answer');
    expect(resumed.messages).toMatchObject([{ id: 1, result: { content: [] } }]);
  });

  it('is waited for on behalf of a client of an older version', async () => {
    const { stream } = await call('2025-06-18');
    await until(() => stream.ended, 'the answer');
    expect(JSON.parse(stream.text)).toMatchObject({ id: 1, result: { content: [] } });
  });
});
