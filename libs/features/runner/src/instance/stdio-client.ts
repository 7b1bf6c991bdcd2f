import type { Readable, Writable } from 'node:stream';
import { GatewayError, type UpstreamReply } from '@mcpgw/contracts';
import { errorResponse, LineDecoder, PendingCalls, readMessage, resultResponse, type JsonObject, type NotificationMessage, type RequestMessage } from '@mcpgw/core-mcp-wire';
import type { Clock } from '@mcpgw/platform-runtime';
import type { Redact } from '../secrets/redactor.js';
import { FloodGate } from './flood-gate.js';

export interface RequestOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  /** Progress and log notifications that belong to this request. */
  readonly onEvent?: ((method: string, params: Record<string, unknown>) => void) | undefined;
}

interface Waiting {
  readonly resolve: (reply: UpstreamReply) => void;
  readonly reject: (error: GatewayError) => void;
  readonly onEvent: RequestOptions['onEvent'];
}

export interface StdioClientOptions {
  readonly server: string;
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly clock: Clock;
  readonly redact: Redact;
  readonly maxLineBytes: number;
  readonly maxInFlight: number;
  /** The server broke a bound; the reason completes "The server … ". It must be killed. */
  readonly onViolation: (reason: string) => void;
  readonly onNotification: (method: string) => void;
}

/** What a server that doesn't read may make us hold. */
const MAX_UNREAD_BYTES = 16 * 1_048_576;
const METHOD_NOT_FOUND = -32_601;

/**
 * MCP over a child's stdin and stdout: newline-delimited JSON-RPC, many callers on one connection. Whatever the server
 * sends is bounded and redacted here, before anything else sees it.
 */
export class StdioClient {
  private readonly pending: PendingCalls<Waiting>;
  private readonly lines: LineDecoder;
  private readonly flood = new FloodGate();
  private lost: GatewayError | undefined;
  /** Lines on stdout that were no JSON-RPC message. */
  garbageLines = 0;

  constructor(private readonly options: StdioClientOptions) {
    this.pending = new PendingCalls({ maxPending: options.maxInFlight });
    this.lines = new LineDecoder({ maxLineBytes: options.maxLineBytes });
    options.stdout.on('data', (chunk: Buffer) => this.read(chunk));
    // The end shows as the process's exit, which is told by `close`.
    options.stdout.on('error', () => {});
    options.stdin.on('error', () => {});
  }

  get inFlight(): number {
    return this.pending.size;
  }

  /**
   * Sends a request under an id of our own. Rejects with `unavailable` (not sent), `timeout` and `cancelled` (the server is
   * told), or with the fault given to `close`.
   */
  request(method: string, params: JsonObject, options: RequestOptions): Promise<UpstreamReply> {
    // Nothing was sent: whatever became of the server, this call didn't run.
    if (this.lost) return Promise.reject(new GatewayError('upstream_failed', this.lost.message));
    if (options.signal?.aborted) return Promise.reject(new GatewayError('cancelled', 'The call was cancelled before it was sent.'));
    if (this.options.stdin.writableLength > MAX_UNREAD_BYTES) return Promise.reject(new GatewayError('unavailable', `The server "${this.options.server}" does not read what it is sent. Try again later.`));
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        clearTimeout(timer);
        options.signal?.removeEventListener('abort', abort);
      };
      const waiting: Waiting = {
        resolve: (reply) => (settle(), resolve(reply)),
        reject: (error) => (settle(), reject(error)),
        onEvent: options.onEvent,
      };
      const outgoing = this.pending.open(method, params, waiting);
      const giveUp = (error: GatewayError): void => {
        if (!outgoing || !this.pending.close(outgoing.id)) return;
        // The lifecycle rules forbid cancelling `initialize`.
        if (method !== 'initialize') this.notify('notifications/cancelled', { requestId: outgoing.id, reason: error.message });
        waiting.reject(error);
      };
      const abort = (): void => giveUp(cancelled(options.signal?.reason));
      const timer = setTimeout(() => giveUp(timedOut(this.options.server, method, options.timeoutMs)), options.timeoutMs);
      if (!outgoing) return waiting.reject(new GatewayError('unavailable', `The server "${this.options.server}" has ${this.options.maxInFlight} calls under way, as many as one server may. Try again.`));
      options.signal?.addEventListener('abort', abort, { once: true });
      this.write(outgoing);
    });
  }

  notify(method: string, params?: JsonObject): void {
    this.write({ jsonrpc: '2.0', method, ...(params === undefined ? {} : { params }) });
  }

  /** Rejects all that waits, and everything from now on, with `error`. */
  close(error: GatewayError): void {
    this.lost ??= error;
    for (const waiting of this.pending.drain()) waiting.reject(error);
  }

  private write(message: object): void {
    if (this.lost === undefined && this.options.stdin.writable) this.options.stdin.write(`${JSON.stringify(message)}\n`);
  }

  private read(chunk: Buffer): void {
    if (this.lost) return;
    for (const line of this.lines.push(chunk)) {
      this.take(line);
      if (this.lost) return;
    }
    if (this.lines.overflowed) this.options.onViolation(`sent a line of more than ${this.options.maxLineBytes} bytes`);
  }

  private take(line: string): void {
    const message = readMessage(parse(line));
    if (message.kind === 'response') {
      const settled = this.pending.settle(message);
      // A late answer to a call that was given up counts as unasked.
      if (settled) return settled.context.resolve(this.options.redact(settled.reply));
    }
    if (this.flood.isFlood(line.length, this.options.clock.monotonicUs() / 1_000)) return this.options.onViolation('floods its output with messages that nobody asked for');
    if (message.kind === 'notification') this.notified(message);
    else if (message.kind === 'request') this.answer(message);
    else if (message.kind !== 'response') this.garbageLines += 1;
  }

  private notified(notification: NotificationMessage): void {
    const event = this.pending.event(notification);
    if (event) event.context.onEvent?.(event.method, this.options.redact(event.params));
    else this.options.onNotification(notification.method);
  }

  /** Many callers share the connection, and no client capability was offered: only `ping` has an answer. */
  private answer(request: RequestMessage): void {
    if (this.options.stdin.writableLength > MAX_UNREAD_BYTES) return this.options.onViolation('does not read the answers to what it asks');
    this.write(request.method === 'ping' ? resultResponse(request.id, {}) : errorResponse(request.id, { code: METHOD_NOT_FOUND, message: `The gateway does not serve ${request.method.slice(0, 64)}.` }));
  }
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function timedOut(server: string, method: string, timeoutMs: number): GatewayError {
  return new GatewayError('timeout', `The server "${server}" did not answer ${method} within ${Math.round(timeoutMs)} ms.`);
}

function cancelled(reason: unknown): GatewayError {
  return new GatewayError('cancelled', typeof reason === 'string' ? reason : 'The caller cancelled the call.');
}
