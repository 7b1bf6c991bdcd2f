import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { CreateMessageRequestSchema, ElicitRequestSchema, ListRootsRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { AskingEdges } from '../bridge/testing/asking-edges.js';

describe('clients of HTTP+SSE', () => {
  const edges = new AskingEdges();
  const { first, second } = edges;
  let client: Client;

  beforeAll(async () => {
    await edges.start();
    const headers = { authorization: `Bearer ${edges.agent.key}` };
    let turn = 0;
    const transport = new SSEClientTransport(new URL(`${first.url}/mcp`), {
      requestInit: { headers },
      eventSourceInit: { fetch: (url, init) => fetch(url, { ...init, headers: { ...Object.fromEntries(new Headers(init.headers)), ...headers } }) },
      // POSTs go to the edges in turn.
      fetch: (url, init) => fetch(init?.method === 'POST' && turn++ % 2 === 0 ? String(url).replace(first.url, second.url) : url, init),
    });
    client = new Client({ name: 'old', version: '1' }, { capabilities: { elicitation: {}, sampling: {}, roots: {} } });
    client.setRequestHandler(ElicitRequestSchema, async () => ({ action: 'accept', content: { name: 'Ada' } }));
    client.setRequestHandler(CreateMessageRequestSchema, async () => ({ role: 'assistant', model: 'm', content: { type: 'text', text: 'said' } }));
    client.setRequestHandler(ListRootsRequestSchema, async () => ({ roots: [{ uri: 'file:///home' }] }));
    await client.connect(transport);
  });
  afterAll(async () => {
    await client.close();
    await edges.close();
  });

  it('are asked on their stream, and answer through any edge', async () => {
    const result = await client.callTool({ name: 'old__ask_all', arguments: {} });
    expect(JSON.parse((result as { content: { text: string }[] }).content[0]?.text ?? '')).toEqual({ who: 'Ada', said: 'said', roots: ['file:///home'] });
    const twice = await client.callTool({ name: 'old__ask_twice', arguments: {} });
    expect((twice as { content: { text: string }[] }).content[0]?.text).toBe('["Ada","Ada"]');
  });
});
