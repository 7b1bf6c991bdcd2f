import type { ServerResponse } from 'node:http';
import { SSE_KEEP_ALIVE } from '@mcpgw/core-mcp-wire';

/** Bytes that may wait for a slow reader before further events are dropped. */
const MAX_WAITING_BYTES = 1_048_576;

/** An SSE answer under way (WHATWG HTML, section 9.2), with comments that keep quiet connections open. */
export class EventStream {
  private readonly timer: NodeJS.Timeout;

  constructor(
    private readonly response: ServerResponse,
    keepAliveMs: number,
    headers: Readonly<Record<string, string>> = {},
  ) {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no', ...headers });
    response.flushHeaders();
    this.timer = setInterval(() => this.write(SSE_KEEP_ALIVE), keepAliveMs);
    this.timer.unref();
    response.once('close', () => clearInterval(this.timer));
  }

  /** `json` is one JSON-RPC message. An event that a slow reader has no room for is dropped: only the answer must arrive. */
  send(json: string): void {
    this.write(`event: message\ndata: ${json}\n\n`);
  }

  /** Sends the last message, whatever waits, and ends the stream. */
  end(json?: string): void {
    clearInterval(this.timer);
    if (this.response.writableEnded) return;
    if (json === undefined) this.response.end();
    else this.response.end(`event: message\ndata: ${json}\n\n`);
  }

  private write(text: string): void {
    if (this.response.writableEnded || this.response.destroyed || this.response.writableLength > MAX_WAITING_BYTES) return;
    this.response.write(text);
  }
}
