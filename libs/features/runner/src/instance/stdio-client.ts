import type { Readable, Writable } from 'node:stream';
import { GatewayError, type UpstreamReply } from '@mcpgw/contracts';
import { LineDecoder, PendingCalls, readMessage, resultResponse, type JsonObject, type NotificationMessage, type RequestId, type RequestMessage } from '@mcpgw/core-mcp-wire';
import type { Clock } from '@mcpgw/platform-runtime';
import type { Redact } from '../secrets/redactor.js';
import { Asks, type AskableCall, type OnAsk } from './asks.js';
import { CallTimer } from './call-timer.js';
import { isTooDeep, MAX_DEPTH } from './depth.js';
import { FloodGate } from './flood-gate.js';

export interface RequestOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  /** Progress and log notifications that belong to this request. */
  readonly onEvent?: ((method: string, params: Record<string, unknown>) => void) | undefined;
  /** Asks this request's caller what the server asks meanwhile; its time stands still then. */
  readonly onAsk?: OnAsk | undefined;
}

interface Waiting {
  readonly resolve: (reply: UpstreamReply) => void;
  readonly reject: (error: GatewayError) => void;
  readonly onEvent: RequestOptions['onEvent'];
}

type AskableWaiting = AskableCall & Pick<Waiting, 'onEvent'>;

export interface StdioClientOptions {
  readonly server: string;
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly clock: Clock;
  readonly redact: Redact;
  readonly maxLineBytes: number;
  readonly maxInFlight: number;
  /** The client capabilities declared to the server; nothing where several callers share this connection. */
  readonly capabilities: () => JsonObject;
  /** One caller alone uses this connection. */
  readonly isOwn: boolean;
  /** The server broke a bound; the reason completes "The server … ". It must be killed. */
  readonly onViolation: (reason: string) => void;
  /** What belongs to no call. */
  readonly onNotification: (method: string, params: JsonObject) => void;
}

/** What a server that doesn't read may make us hold. */
const MAX_UNREAD_BYTES = 16 * 1_048_576;
/** Notifications without a call of their own that concern a caller all the same. */
const OF_THE_CALLER: ReadonlySet<string> = new Set(['notifications/message', 'notifications/elicitation/complete']);
/**
 * MCP over a child's stdin and stdout: newline-delimited JSON-RPC, many callers on one connection. Whatever the server
 * sends is bounded and redacted here, before anything else sees it.
 */
export class StdioClient {
  private readonly pending: PendingCalls<Waiting>;
  private readonly lines: LineDecoder;
  private readonly flood = new FloodGate();
  private readonly asks: Asks;
  /** Requests that stay open (`subscriptions/listen`), by id; told when they end. */
  private readonly streams = new Map<RequestId, (reply: UpstreamReply | undefined) => void>();
  private lastStream = 0;
  private lost: GatewayError | undefined;
  /** Lines on stdout that were no JSON-RPC message. */
  garbageLines = 0;

  constructor(private readonly options: StdioClientOptions) {
    this.pending = new PendingCalls({ maxPending: options.maxInFlight });
    this.lines = new LineDecoder({ maxLineBytes: options.maxLineBytes });
    this.asks = new Asks({ capabilities: options.capabilities, send: (response) => this.write(response), redact: options.redact });
    options.stdout.on('data', (chunk: Buffer) => this.read(chunk));
    // The end shows as the process's exit, which is told by `close`.
    options.stdout.on('error', () => {});
    options.stdin.on('error', () => {});
  }

  get inFlight(): number {
    return this.pending.size;
  }

  /** Questions of the server that wait for an answer. */
  get openAsks(): number {
    return this.asks.open;
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
    return new Promise((resolve, reject) => this.open(method, params, options, resolve, reject));
  }

  private open(method: string, params: JsonObject, options: RequestOptions, resolve: Waiting['resolve'], reject: Waiting['reject']): void {
    const settle = (isAnswered: boolean): void => {
      timer.stop();
      options.signal?.removeEventListener('abort', abort);
      if (askable) this.asks.end(askable, isAnswered);
    };
    const waiting: Waiting = {
      resolve: (reply) => (settle(true), resolve(reply)),
      reject: (error) => (settle(false), reject(error)),
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
    const timer = new CallTimer(options.timeoutMs, () => giveUp(timedOut(this.options.server, method, options.timeoutMs)), () => this.nowMs());
    const askable: AskableWaiting | undefined = options.onAsk && { onAsk: options.onAsk, onEvent: options.onEvent, timer, asked: 0 };
    if (!outgoing) return waiting.reject(new GatewayError('unavailable', `The server "${this.options.server}" has ${this.options.maxInFlight} calls under way, as many as one server may. Try again.`));
    options.signal?.addEventListener('abort', abort, { once: true });
    if (askable) this.asks.begin(askable);
    this.write(outgoing);
  }

  /**
   * Sends a request that stays open and counts as no call; what comes of it are notifications. `onEnd` hears the server's answer,
   * `undefined` when it only cancelled; it is not called once the connection is lost. Returns the way to end it.
   */
  stream(method: string, params: JsonObject, onEnd: (reply: UpstreamReply | undefined) => void): () => void {
    this.lastStream += 1;
    const id = `stream-${this.lastStream}`;
    this.streams.set(id, onEnd);
    this.write({ jsonrpc: '2.0', id, method, params });
    return () => {
      if (this.streams.delete(id)) this.notify('notifications/cancelled', { requestId: id });
    };
  }

  notify(method: string, params?: JsonObject): void {
    this.write({ jsonrpc: '2.0', method, ...(params === undefined ? {} : { params }) });
  }

  /** Rejects all that waits, and everything from now on, with `error`. */
  close(error: GatewayError): void {
    this.lost ??= error;
    this.streams.clear();
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
    const value = parse(line);
    const message = readMessage(value);
    // Each level costs two characters at least.
    const tooDeep = line.length > 2 * MAX_DEPTH && isTooDeep(value);
    if (message.kind === 'response') {
      const settled = this.pending.settle(message);
      // A late answer to a call that was given up counts as unasked.
      if (settled) return tooDeep ? settled.context.reject(this.tooDeep()) : settled.context.resolve(this.options.redact(settled.reply));
      if (this.endStream(message.id, message.reply as UpstreamReply)) return;
    }
    if (this.flood.isFlood(line.length, this.nowMs())) return this.options.onViolation('floods its output with messages that nobody asked for');
    if (tooDeep) this.garbageLines += 1;
    else if (message.kind === 'notification') this.notified(message);
    else if (message.kind === 'request') this.answer(message);
    else if (message.kind !== 'response') this.garbageLines += 1;
  }

  private tooDeep(): GatewayError {
    return new GatewayError('upstream_lost', `The server "${this.options.server}" gave an answer that nests more than ${MAX_DEPTH} levels deep, which is not read. The call may have taken effect.`);
  }

  private endStream(id: unknown, reply: UpstreamReply | undefined): boolean {
    const onEnd = typeof id === 'string' ? this.streams.get(id) : undefined;
    if (!onEnd) return false;
    this.streams.delete(id as string);
    onEnd(reply);
    return true;
  }

  private notified(notification: NotificationMessage): void {
    const { method } = notification;
    const params = notification.params ?? {};
    const event = this.pending.event(notification);
    if (event) return event.context.onEvent?.(event.method, this.options.redact(event.params));
    if (method === 'notifications/cancelled') {
      if (!this.endStream(params['requestId'], undefined)) this.asks.cancelled(params['requestId']);
      return;
    }
    // Whichever of its calls it came from, the one caller alone is told.
    const latest = this.options.isOwn && OF_THE_CALLER.has(method) ? (this.asks.latest as AskableWaiting | undefined) : undefined;
    if (latest) latest.onEvent?.(method, this.options.redact({ ...params }));
    else this.options.onNotification(method, this.options.redact(params));
  }

  private answer(request: RequestMessage): void {
    if (this.options.stdin.writableLength > MAX_UNREAD_BYTES) return this.options.onViolation('does not read the answers to what it asks');
    if (request.method === 'ping') this.write(resultResponse(request.id, {}));
    else this.asks.take(request);
  }

  private nowMs(): number {
    return this.options.clock.monotonicUs() / 1_000;
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
