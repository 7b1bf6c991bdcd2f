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

  /** The client went away, or the stream has ended and all is sent. */
  onClose(action: () => void): void {
    if (this.response.destroyed) action();
    else this.response.once('close', action);
  }

  /** Tells the client from where to go on and how long to wait before it does (MCP 2025-11-25, SEP-1699): an event without data. */
  prime(id: string, retryMs: number): void {
    this.write(`id: ${id}\nretry: ${retryMs}\ndata: \n\n`);
  }

  /** How long a client waits before it comes back. No event of its own: clients up to 2025-06-18 take one without data for a fault. */
  retry(retryMs: number): void {
    this.write(`retry: ${retryMs}\n\n`);
  }

  /** `json` is one JSON-RPC message. False when a slow reader has no room for it and it is dropped: only the answer must arrive. */
  send(json: string, id?: string): boolean {
    return this.write(eventText(json, id));
  }

  /** An event of another type than `message`. */
  named(event: string, data: string): void {
    this.write(`event: ${event}\ndata: ${data}\n\n`);
  }

  /** Sends the last message, whatever waits, and ends the stream. */
  end(json?: string, id?: string): void {
    clearInterval(this.timer);
    if (this.response.writableEnded) return;
    if (json === undefined) this.response.end();
    else this.response.end(eventText(json, id));
  }

  private write(text: string): boolean {
    if (this.response.writableEnded || this.response.destroyed || this.response.writableLength > MAX_WAITING_BYTES) return false;
    this.response.write(text);
    return true;
  }
}

function eventText(json: string, id: string | undefined): string {
  return id === undefined ? `event: message\ndata: ${json}\n\n` : `id: ${id}\nevent: message\ndata: ${json}\n\n`;
}
