import { SseDecoder, type SseEvent } from '@mcpgw/core-mcp-wire';
import type { Dispatcher } from 'undici';

export type ResponseHeaders = Readonly<Record<string, string | string[] | undefined>>;

/** How one HTTP exchange ended. `not-sent` proves that the server never saw the request. */
export type Answer =
  | { readonly kind: 'body'; readonly status: number; readonly headers: ResponseHeaders; readonly text: string }
  /** The message that was waited for came on an event stream. */
  | { readonly kind: 'message'; readonly status: number; readonly headers: ResponseHeaders; readonly message: unknown }
  /** The event stream ended without it. */
  | { readonly kind: 'stream-end'; readonly status: number; readonly headers: ResponseHeaders }
  | { readonly kind: 'too-large' }
  /** With a content-encoding, though we ask for none: never unpacked, so that nothing small can become something huge. */
  | { readonly kind: 'encoded' }
  | { readonly kind: 'not-sent'; readonly cause: unknown }
  | { readonly kind: 'lost'; readonly cause: unknown }
  | { readonly kind: 'aborted'; readonly sent: boolean };

export interface ExchangeRequest {
  readonly method: 'POST' | 'GET' | 'DELETE';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Of the whole response; of a `standing` stream, of one event. */
  readonly maxResponseBytes: number;
  /** An event stream that is meant to stay open, with any number of messages. */
  readonly standing?: boolean;
  /** Called with the JSON of each event; true means that this is the message waited for. */
  readonly onEvent?: (message: unknown) => boolean;
  /** Called with each event before its JSON is read; true means that it is no message. */
  readonly onRawEvent?: (event: SseEvent) => boolean;
  /** Called once when a successful event stream begins. */
  readonly onOpen?: () => void;
}

/** How long a stream may stay open after the answer came, before its connection is cut instead of used again. */
const DRAIN_MS = 2_000;

const EVENT_ID = /^[\x21-\x7e]{1,1024}$/;

/**
 * One HTTP request on undici's dispatch interface: no streams, no per-chunk promises, and it can tell whether anything was
 * sent. Resolves, never rejects. An event stream resolves as soon as the awaited message is there.
 */
export class Exchange implements Dispatcher.DispatchHandler {
  readonly #request: ExchangeRequest;
  readonly #settle: (answer: Answer) => void;
  readonly answer: Promise<Answer>;
  #controller: Dispatcher.DispatchController | undefined;
  #status = 0;
  #headers: ResponseHeaders = {};
  #decoder: SseDecoder | undefined;
  #chunks: Buffer[] = [];
  #bytes = 0;
  #settled = false;
  #drain: NodeJS.Timeout | undefined;

  constructor(dispatcher: Dispatcher, request: ExchangeRequest) {
    this.#request = request;
    let settle!: (answer: Answer) => void;
    this.answer = new Promise((resolve) => (settle = resolve));
    this.#settle = settle;
    dispatcher.dispatch({ path: request.path, method: request.method, headers: request.headers as Record<string, string>, body: request.body ?? null }, this);
  }

  /** Where the event stream can be resumed; undefined when the server gave no id, or one that no header can carry. */
  get lastEventId(): string | undefined {
    const id = this.#decoder?.lastEventId;
    return id !== undefined && EVENT_ID.test(id) ? id : undefined;
  }

  /** How long the server wants us to wait before we resume. */
  get retryMs(): number | undefined {
    return this.#decoder?.retryMs;
  }

  /** Gives up: cuts the connection if the request is on it, else keeps it from being sent. */
  abort(): void {
    this.#finish({ kind: 'aborted', sent: this.#controller !== undefined });
    this.#controller?.abort(new Error('given up'));
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    // Given up while it waited for a connection.
    if (this.#settled) controller.abort(new Error('given up'));
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, headers: ResponseHeaders): void {
    this.#status = status;
    this.#headers = headers;
    const encoding = headers['content-encoding'];
    if (encoding !== undefined && encoding !== 'identity' && encoding !== '') return this.#cut(controller, { kind: 'encoded' });
    const type = headers['content-type'];
    if (this.#request.onEvent === undefined || typeof type !== 'string' || !type.toLowerCase().startsWith('text/event-stream')) return;
    this.#decoder = new SseDecoder({ maxEventBytes: this.#request.maxResponseBytes });
    if (status < 300) this.#request.onOpen?.();
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#bytes += chunk.length;
    const isStanding = this.#request.standing === true && this.#decoder !== undefined;
    if (isStanding ? this.#decoder?.overflowed === true : this.#bytes > this.#request.maxResponseBytes) return this.#cut(controller, { kind: 'too-large' });
    if (this.#settled) return;
    if (this.#decoder === undefined) {
      this.#chunks.push(chunk);
      return;
    }
    for (const event of this.#decoder.push(chunk)) this.#event(event);
  }

  onResponseEnd(): void {
    clearTimeout(this.#drain);
    if (this.#settled) return;
    const status = this.#status;
    const headers = this.#headers;
    if (this.#decoder !== undefined) return this.#finish({ kind: 'stream-end', status, headers });
    const first = this.#chunks[0];
    const text = first === undefined ? '' : (this.#chunks.length === 1 ? first : Buffer.concat(this.#chunks)).toString('utf8');
    this.#finish({ kind: 'body', status, headers, text });
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, cause: Error): void {
    clearTimeout(this.#drain);
    this.#finish(this.#controller === undefined ? { kind: 'not-sent', cause } : { kind: 'lost', cause });
  }

  #event(event: SseEvent): void {
    if (this.#settled || this.#request.onRawEvent?.(event) === true || event.data === '') return;
    let message: unknown;
    try {
      message = JSON.parse(event.data);
    } catch {
      // Not ours to repair: without its answer the stream ends as lost.
      return;
    }
    if (this.#request.onEvent?.(message) !== true) return;
    this.#finish({ kind: 'message', status: this.#status, headers: this.#headers, message });
    this.#drain = setTimeout(() => this.#controller?.abort(new Error('stream stayed open')), DRAIN_MS).unref();
  }

  #cut(controller: Dispatcher.DispatchController, answer: Answer): void {
    this.#finish(answer);
    controller.abort(new Error(`the response is ${answer.kind}`));
  }

  #finish(answer: Answer): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#chunks = [];
    this.#settle(answer);
  }
}
