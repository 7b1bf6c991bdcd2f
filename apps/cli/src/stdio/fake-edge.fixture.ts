import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { StdioBridge } from './bridge.js';
import { EdgeLink } from './edge-link.js';

export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: { id?: unknown; method?: string; params?: Record<string, unknown> } | undefined;
}

/** The envelope of a modern request. */
export const MODERN = { 'io.modelcontextprotocol/protocolVersion': '2026-07-28', 'io.modelcontextprotocol/clientCapabilities': {} };

/** An MCP endpoint that keeps legacy sessions and does what the test says with everything else. */
export class FakeEdge {
  readonly seen: Seen[] = [];
  readonly closed: (string | undefined)[] = [];
  sessions = new Set<string>();
  key = 'key-1';
  get?: (reply: ServerResponse, seen: Seen) => void;
  deliver: (reply: ServerResponse) => void = (reply) => void reply.writeHead(202).end();
  handle: (seen: Seen, reply: ServerResponse) => void = ({ body }, reply) => sendJson(reply, { jsonrpc: '2.0', id: body?.id, result: { echo: body?.method } });
  private readonly server: Server = createServer((request, reply) => void this.serve(request, reply));

  async listen(port = 0): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(port, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async serve(request: IncomingMessage, reply: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString('utf8');
    const body = text === '' ? undefined : (JSON.parse(text) as Seen['body']);
    const seen = { method: request.method ?? '', url: request.url ?? '', headers: request.headers, body };
    this.seen.push(seen);
    reply.on('close', () => this.closed.push(body?.method));
    if (request.headers.authorization !== `Bearer ${this.key}`) return void reply.writeHead(401).end();
    const session = String(request.headers['mcp-session-id'] ?? '');
    if (body?.method === 'initialize') {
      const id = `session-${this.seen.length}`;
      this.sessions.add(id);
      reply.setHeader('mcp-session-id', id);
      return sendJson(reply, { jsonrpc: '2.0', id: body.id, result: { protocolVersion: '2025-11-25', capabilities: {}, serverInfo: { name: 'edge', version: '1' } } });
    }
    if (session !== '' && !this.sessions.has(session)) return sendJson(reply, { jsonrpc: '2.0', id: null, error: { code: -32602, message: 'Session not found' } }, 404);
    if (request.method === 'GET') return this.get ? this.get(reply, seen) : void reply.writeHead(405).end();
    if (request.method === 'DELETE') return void reply.writeHead(204).end();
    if (body?.id === undefined || body.method === undefined) return this.deliver(reply);
    this.handle(seen, reply);
  }
}

export function sendJson(reply: ServerResponse, value: unknown, status = 200): void {
  reply.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value, null, 1));
}

export function sse(message: unknown, id?: string): string {
  return `${id === undefined ? '' : `id: ${id}\n`}event: message\ndata: ${JSON.stringify(message)}\n\n`;
}

type Line = Record<string, unknown>;

/** A bridge with a fake edge on one side and a client that says lines and reads them on the other. */
export class BridgeUnderTest {
  readonly edge = new FakeEdge();
  readonly lines: Line[] = [];
  key = 'key-1';
  url = '';
  bridge!: StdioBridge;
  private readonly waiting = new Set<() => void>();

  async open(): Promise<this> {
    this.url = await this.edge.listen();
    const write = async (line: string): Promise<void> => {
      if (line.includes('\n')) throw new Error(`A message on two lines: ${line}`);
      this.lines.push(JSON.parse(line) as Line);
      for (const check of this.waiting) check();
    };
    this.bridge = new StdioBridge(new EdgeLink(() => ({ endpoint: { url: this.url }, key: this.key }), undefined), write, () => {});
    return this;
  }

  async close(): Promise<void> {
    await this.bridge.close(0);
    await this.edge.close();
  }

  say(message: object): Promise<void> {
    return this.bridge.accept(JSON.stringify({ jsonrpc: '2.0', ...message }));
  }

  /** The first such line, written or still to come. */
  line(matches: (line: Line) => boolean): Promise<Line> {
    return new Promise((resolve) => {
      const check = (): void => {
        const found = this.lines.find(matches);
        if (!found) return;
        this.waiting.delete(check);
        resolve(found);
      };
      this.waiting.add(check);
      check();
    });
  }

  answer(id: unknown): Promise<Line> {
    return this.line((line) => line['id'] === id && line['method'] === undefined);
  }

  async handshake(): Promise<void> {
    await this.say({ id: 0, method: 'initialize', params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'c', version: '1' } } });
    await this.say({ method: 'notifications/initialized' });
  }
}
