import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface ModernRequest {
  readonly id: unknown;
  readonly method: string;
  readonly params: Record<string, unknown>;
  readonly capabilities: Record<string, unknown>;
  readonly name: string | undefined;
}

type Reply = { result: Record<string, unknown> } | { error: { code: number; message: string; data?: unknown }; http?: number };

/** A server of the stateless era that says what `answer` says: for what the SDK's servers can't or won't say. */
export class ModernServer {
  readonly requests: ModernRequest[] = [];
  answer: (request: ModernRequest) => Reply | Promise<Reply> = () => ({ result: { resultType: 'complete', content: [] } });
  /** A listen and its stream; without it, there are none. */
  onListen: ((notifications: Record<string, unknown>, stream: ServerResponse) => void) | undefined;
  private readonly http: Server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const { id, method, params } = JSON.parse(Buffer.concat(parts).toString()) as { id: unknown; method: string; params: Record<string, unknown> };
      const meta = params['_meta'] as Record<string, Record<string, unknown>>;
      const read: ModernRequest = { id, method, params, capabilities: meta['io.modelcontextprotocol/clientCapabilities'] ?? {}, name: request.headers['mcp-name'] as string | undefined };
      if (method === 'subscriptions/listen' && this.onListen) return this.onListen(params['notifications'] as Record<string, unknown>, response.writeHead(200, { 'content-type': 'text/event-stream' }));
      if (method === 'subscriptions/listen') return void response.writeHead(404, { 'content-type': 'application/json' }).end(JSON.stringify({ jsonrpc: '2.0', id, error: { code: -32601, message: 'no' } }));
      this.requests.push(read);
      void Promise.resolve(this.answer(read)).then((reply) => {
        const { http = 200, ...body } = reply as { http?: number };
        response.writeHead(http, { 'content-type': 'application/json' }).end(JSON.stringify({ jsonrpc: '2.0', id, ...body }));
      });
    });
  });

  get url(): string {
    return `http://127.0.0.1:${(this.http.address() as AddressInfo).port}/mcp`;
  }

  async start(): Promise<this> {
    this.http.listen(0, '127.0.0.1');
    await once(this.http, 'listening');
    return this;
  }

  close(): void {
    this.http.closeAllConnections();
    this.http.close();
  }
}
