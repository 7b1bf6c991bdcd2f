import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { CallToolRequestSchema, GetPromptRequestSchema, UrlElicitationRequiredError, type CallToolResult, type ClientCapabilities } from '@modelcontextprotocol/sdk/types.js';

const FORM = { type: 'object' as const, properties: { name: { type: 'string' as const } }, required: ['name'] };

/** An MCP server of the session era on the SDK, whose tools ask their callers things. */
export class LegacyServer {
  /** What each session's client declared, in order of connection. */
  readonly declared: ClientCapabilities[] = [];
  /** Calls whose request was cancelled. */
  readonly cancelled: string[] = [];
  /** Calls that run at present. */
  readonly running = new Set<string>();
  /** Whether the user has been where `visit` sends them. */
  visited = false;
  /** Takes back the question of `ask_and_withdraw`. */
  withdraw = (): void => undefined;
  private readonly transports = new Map<string, StreamableHTTPServerTransport>();
  private readonly http: HttpServer = createServer((request, response) => {
    void this.serve(request).then(async ({ transport, body }) => (transport ? transport.handleRequest(request, response, body) : response.writeHead(404).end()));
  });

  get url(): string {
    return `http://127.0.0.1:${(this.http.address() as AddressInfo).port}/mcp`;
  }

  async start(): Promise<this> {
    this.http.listen(0, '127.0.0.1');
    await once(this.http, 'listening');
    return this;
  }

  async close(): Promise<void> {
    await Promise.all([...this.transports.values()].map((transport) => transport.close()));
    this.http.closeAllConnections();
    this.http.close();
  }

  private async serve(request: IncomingMessage): Promise<{ transport: StreamableHTTPServerTransport | undefined; body: unknown }> {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const body: unknown = parts.length === 0 ? undefined : JSON.parse(Buffer.concat(parts).toString());
    const id = request.headers['mcp-session-id'];
    if (typeof id === 'string') return { transport: this.transports.get(id), body };
    if ((body as { method?: string } | undefined)?.method !== 'initialize') return { transport: undefined, body };
    const transport: StreamableHTTPServerTransport = new StreamableHTTPServerTransport({ sessionIdGenerator: randomUUID, onsessioninitialized: (session) => void this.transports.set(session, transport) });
    await this.server().connect(transport as never);
    return { transport, body };
  }

  private server(): Server {
    const server = new Server({ name: 'asking', version: '1' }, { capabilities: { tools: {}, prompts: {}, logging: {} } });
    server.oninitialized = () => this.declared.push(server.getClientCapabilities() ?? {});
    server.setRequestHandler(CallToolRequestSchema, async ({ params }, { signal, requestId, sendNotification }) => {
      const key = `${params.name}#${requestId}`;
      this.running.add(key);
      signal.addEventListener('abort', () => this.cancelled.push(params.name));
      try {
        const token = params._meta?.progressToken;
        const say = async (progress: number) => void (token !== undefined && (await sendNotification({ method: 'notifications/progress', params: { progressToken: token, progress } })));
        return await this.tool(server, params.name, { ...params.arguments }, requestId, say, signal);
      } finally {
        this.running.delete(key);
      }
    });
    server.setRequestHandler(GetPromptRequestSchema, async (_request, { requestId }) => {
      const answer = await server.elicitInput({ message: 'For whom?', requestedSchema: FORM }, { relatedRequestId: requestId });
      return { messages: [{ role: 'user', content: { type: 'text', text: `hello ${String(answer.content?.['name'])}` } }] };
    });
    return server;
  }

  private async tool(server: Server, name: string, args: Record<string, unknown>, relatedRequestId: string | number, say: (progress: number) => Promise<void>, signal: AbortSignal): Promise<CallToolResult> {
    const ask = (message: string) => server.elicitInput({ message, requestedSchema: FORM }, { relatedRequestId, timeout: 30_000 });
    switch (name) {
      case 'ask': {
        const answer = await ask('Who?');
        await say(1);
        return text({ action: answer.action, name: answer.content?.['name'], args });
      }
      case 'ask_twice': {
        const first = await ask('First?');
        const second = await ask('Second?');
        return text([first.content?.['name'], second.content?.['name']]);
      }
      case 'ask_all': {
        const [who, said, roots] = await Promise.all([
          ask('Who?'),
          server.createMessage({ messages: [{ role: 'user', content: { type: 'text', text: 'Say it.' } }], maxTokens: 10 }, { relatedRequestId }),
          server.listRoots(undefined, { relatedRequestId }),
        ]);
        return text({ who: who.content?.['name'], said: 'text' in (said.content as object) ? (said.content as { text: string }).text : '', roots: roots.roots.map(({ uri }) => uri) });
      }
      case 'ask_undeclared': {
        const failure = await server.request({ method: 'sampling/createMessage', params: { messages: [], maxTokens: 1 } }, { parse: (value: unknown) => value } as never, { relatedRequestId }).catch((error: Error) => error.message);
        return text({ failure });
      }
      case 'ask_briefly':
        void ask('Who?').catch(() => undefined);
        // The question has to be out before the call ends: a second one of the same stream is answered after it.
        await server.listRoots(undefined, { relatedRequestId });
        return text('not waiting');
      case 'ask_and_withdraw': {
        const stop = new AbortController();
        const withdrawn = server.elicitInput({ message: 'Who?', requestedSchema: FORM }, { relatedRequestId, signal: stop.signal }).catch(() => undefined);
        this.withdraw = () => stop.abort();
        await withdrawn;
        return text('withdrawn');
      }
      case 'visit':
        if (this.visited) return text('been there');
        throw new UrlElicitationRequiredError([{ mode: 'url', message: 'Log in', url: 'https://example.com/login', elicitationId: 'log-in' }]);
      case 'hang':
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        return text('aborted');
      default:
        return text({ name, args });
    }
  }
}

function text(value: unknown): CallToolResult {
  return { content: [{ type: 'text', text: typeof value === 'string' ? value : JSON.stringify(value) }] };
}
