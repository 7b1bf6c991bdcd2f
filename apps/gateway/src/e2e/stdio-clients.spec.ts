import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { COMMAND, until } from '@mcpgw/testing';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { StreamableHTTPServerTransport, type EventStore } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import {
  CallToolRequestSchema,
  CreateMessageRequestSchema,
  CreateMessageResultSchema,
  ElicitRequestSchema,
  ElicitResultSchema,
  ListRootsRequestSchema,
  ListRootsResultSchema,
  LoggingMessageNotificationSchema,
  ResourceUpdatedNotificationSchema,
  SubscribeRequestSchema,
  ToolListChangedNotificationSchema,
  type JSONRPCMessage,
} from '@modelcontextprotocol/sdk/types.js';

const URI = 'test://watched';
const text = (value: string): { content: { type: 'text'; text: string }[] } => ({ content: [{ type: 'text', text: value }] });

/** What was sent on each stream, so that a client can take it up again. */
class Events implements EventStore {
  private readonly all: { readonly stream: string; readonly message: JSONRPCMessage }[] = [];

  async storeEvent(stream: string, message: JSONRPCMessage): Promise<string> {
    return String(this.all.push({ stream, message }) - 1);
  }

  async replayEventsAfter(last: string, { send }: { send: (id: string, message: JSONRPCMessage) => Promise<void> }): Promise<string> {
    const stream = this.all[Number(last)]?.stream ?? '';
    for (const [index, event] of this.all.entries()) if (index > Number(last) && event.stream === stream && 'jsonrpc' in event.message) await send(String(index), event.message);
    return stream;
  }
}

/** The SDK's own server in the gateway's place: what passes here passes by the standard and not by our reading of it. */
class SdkServer {
  readonly cancelled: string[] = [];
  calls = 0;
  private readonly http: HttpServer;
  private readonly sessions = new Map<string, StreamableHTTPServerTransport>();
  private readonly servers: Server[] = [];

  constructor() {
    this.http = createServer((request, reply) => {
      const id = request.headers['mcp-session-id'];
      const known = typeof id === 'string' ? this.sessions.get(id) : undefined;
      if (id !== undefined && !known) return void reply.writeHead(404, { 'content-type': 'application/json' }).end('{"jsonrpc":"2.0","id":null,"error":{"code":-32602,"message":"Session not found"}}');
      void (known ? Promise.resolve(known) : this.open()).then((transport) => transport.handleRequest(request, reply));
    });
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.http.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.http.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    for (const server of this.servers) await server.close();
    this.http.closeAllConnections();
    await new Promise((resolve) => this.http.close(resolve));
  }

  /** Ends the sessions as a restart would; streams break. */
  forget(): void {
    this.sessions.clear();
    this.http.closeAllConnections();
  }

  announce(): void {
    for (const server of this.servers) void server.sendToolListChanged().catch(() => {});
  }

  changed(): void {
    for (const server of this.servers) void server.sendResourceUpdated({ uri: URI }).catch(() => {});
  }

  private async open(): Promise<StreamableHTTPServerTransport> {
    const transport: StreamableHTTPServerTransport = new StreamableHTTPServerTransport({ sessionIdGenerator: randomUUID, eventStore: new Events(), retryInterval: 10, onsessioninitialized: (id) => void this.sessions.set(id, transport) });
    const server = new Server({ name: 'sdk', version: '1' }, { capabilities: { tools: { listChanged: true }, resources: { subscribe: true }, logging: {} } });
    server.setRequestHandler(SubscribeRequestSchema, () => ({}));
    this.tools(server);
    this.servers.push(server);
    await server.connect(transport as Parameters<Server['connect']>[0]);
    return transport;
  }

  private tools(server: Server): void {
    server.setRequestHandler(CallToolRequestSchema, async ({ params }, extra) => {
      this.calls += 1;
      const progressToken = extra._meta?.progressToken;
      switch (params.name) {
        case 'roots':
          return text((await extra.sendRequest({ method: 'roots/list' }, ListRootsResultSchema)).roots.map(({ uri }) => uri).join());
        case 'sample': {
          const sampled = await extra.sendRequest({ method: 'sampling/createMessage', params: { messages: [{ role: 'user', content: { type: 'text', text: 'hi' } }], maxTokens: 8 } }, CreateMessageResultSchema);
          return text(sampled.model);
        }
        case 'elicit': {
          const answer = await extra.sendRequest({ method: 'elicitation/create', params: { message: 'who?', requestedSchema: { type: 'object', properties: { name: { type: 'string' } } } } }, ElicitResultSchema);
          return text(`${answer.action} ${String(answer.content?.['name'])}`);
        }
        case 'report':
          await extra.sendNotification({ method: 'notifications/message', params: { level: 'info', data: 'at work' } });
          for (const progress of [1, 2]) await extra.sendNotification({ method: 'notifications/progress', params: { progressToken: progressToken as string, progress, total: 2 } });
          // The stream ends here; the answer comes on the next one.
          extra.closeSSEStream?.();
          return text('reported');
        default:
          return new Promise(() => extra.signal.addEventListener('abort', () => this.cancelled.push(params.name)));
      }
    });
  }
}

describe('mcpgw stdio between an SDK client and an SDK server', () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'mcpgw-stdio-clients-'));
  const server = new SdkServer();
  const client = new Client({ name: 'desktop', version: '1' }, { capabilities: { roots: {}, sampling: {}, elicitation: {} } });
  const told: string[] = [];

  beforeAll(async () => {
    const env = { PATH: process.env['PATH'] ?? '', MCPGW_EDGE_URL: await server.listen(), MCPGW_CONSUMER_KEY: 'any', MCPGW_DATA_DIR: directory };
    client.setRequestHandler(ListRootsRequestSchema, () => ({ roots: [{ uri: 'file:///home' }] }));
    client.setRequestHandler(CreateMessageRequestSchema, () => ({ role: 'assistant', model: 'small', content: { type: 'text', text: 'hello' } }));
    client.setRequestHandler(ElicitRequestSchema, () => ({ action: 'accept', content: { name: 'Ada' } }));
    client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => void told.push(`log ${String(params.data)}`));
    client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => void told.push(`updated ${params.uri}`));
    client.setNotificationHandler(ToolListChangedNotificationSchema, () => void told.push('tools'));
    await client.connect(new StdioClientTransport({ command: process.execPath, args: [COMMAND, 'stdio'], env }));
  }, 60_000);

  afterAll(async () => {
    await client.close();
    await server.close();
    rmSync(directory, { recursive: true, force: true });
  });

  const call = (name: string): Promise<unknown> => client.callTool({ name, arguments: {} });

  it('carries the server\'s questions to the client and the answers back', async () => {
    expect(await Promise.all(['roots', 'sample', 'elicit'].map(call))).toEqual([text('file:///home'), text('small'), text('accept Ada')]);
  }, 20_000);

  it('carries progress and log messages, and takes up the stream that the server closed before the answer', async () => {
    const steps: number[] = [];
    const before = server.calls;
    expect(await client.callTool({ name: 'report', arguments: {} }, undefined, { onprogress: ({ progress }) => void steps.push(progress) })).toEqual(text('reported'));
    expect(steps).toEqual([1, 2]);
    expect(told).toContain('log at work');
    expect(server.calls).toBe(before + 1);
  }, 20_000);

  it('carries a cancellation to the server', async () => {
    const abort = new AbortController();
    const before = server.calls;
    const running = client.callTool({ name: 'forever', arguments: {} }, undefined, { signal: abort.signal });
    await until('the call runs', () => server.calls > before);
    abort.abort();
    await expect(running).rejects.toThrow(/abort/i);
    await until('the server was told', () => server.cancelled.includes('forever'));
  }, 20_000);

  it('carries changes, also after the server has forgotten the session', async () => {
    await client.subscribeResource({ uri: URI });
    await until('the client hears of both', () => {
      server.announce();
      server.changed();
      return told.includes('tools') && told.includes(`updated ${URI}`);
    });
    server.forget();
    expect(await call('sample')).toEqual(text('small'));
    told.length = 0;
    await until('the client hears of both again', () => {
      server.announce();
      server.changed();
      return told.includes('tools') && told.includes(`updated ${URI}`);
    });
  }, 60_000);
});
