import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Rpc {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Record<string, unknown>;
  readonly error?: { code: number };
}
export interface Received {
  readonly verb: string;
  readonly headers: IncomingMessage['headers'];
  readonly rpc: Rpc;
}
export type Handler = (rpc: Rpc, response: ServerResponse, request: IncomingMessage) => void;

export const HANDSHAKE = { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo: { name: 'stub', version: '1' } };
export function json(response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}

/** A legacy server with a session; `onCall` answers what is neither handshake nor notification. */
export async function stubServer(onCall: Handler, overrides: { readonly [method: string]: Handler } = {}) {
  const received: Received[] = [];
  const waiting: (() => void)[] = [];
  let sessions = 0;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const text = Buffer.concat(chunks).toString();
      const rpc = (text === '' ? {} : JSON.parse(text)) as Rpc;
      received.push({ verb: request.method ?? '', headers: request.headers, rpc });
      for (const wake of waiting.splice(0)) wake();
      const override = overrides[rpc.method ?? request.method ?? ''];
      if (override !== undefined) override(rpc, response, request);
      else if (request.method !== 'POST') response.writeHead(405).end();
      else if (rpc.method === 'initialize') json(response, 200, { jsonrpc: '2.0', id: rpc.id, result: HANDSHAKE }, { 'mcp-session-id': `session-${(sessions += 1)}` });
      else if (rpc.method === 'server/discover') json(response, 400, { jsonrpc: '2.0', id: null, error: { code: -32000, message: 'Bad Request: Server not initialized' } });
      else if (rpc.id === undefined || rpc.method === undefined) response.writeHead(202).end();
      else onCall(rpc, response, request);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const port = (server.address() as AddressInfo).port;
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  const until = async (condition: (received: readonly Received[]) => boolean): Promise<void> => {
    while (!condition(received)) await new Promise<void>((resolve) => waiting.push(resolve));
  };
  return { url: `http://127.0.0.1:${port}/mcp`, port, received, close, until, methods: () => received.map(({ verb, rpc }) => rpc.method ?? verb) };
}
