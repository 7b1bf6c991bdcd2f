import { legacyInitializeParams, outgoingRequest, type Handshake, type JsonObject, type SseEvent } from '@mcpgw/core-mcp-wire';
import type { Answer, Exchange } from './exchange.js';
import { isAnswer, type Headers, type HttpChannel } from './http-channel.js';
import { readHandshake, wantsLogLevel } from './legacy-sessions.js';
import { readReply, type Received } from './reply.js';
import { handshakeRefused, lost, notSent, refusedByStatus } from './upstream-faults.js';

/** What became of a request: its answer, the refusal of its POST, or the fault. */
export type Outcome = { readonly kind: 'answer'; readonly received: Received } | { readonly kind: 'refused'; readonly status: number } | { readonly kind: 'failed'; readonly error: Error };

/**
 * One event stream of HTTP+SSE (MCP 2024-11-05, transports): its first event names where to POST, and all answers come on it.
 * It is the session: when it ends, so does everything under way on it.
 */
export class SseStream {
  readonly #channel: HttpChannel;
  readonly #capabilities: JsonObject;
  readonly #exchange: Exchange;
  readonly #waiting = new Map<number, (outcome: Outcome) => void>();
  readonly #headers: Headers;
  #path: string | undefined;
  #onEndpoint: ((path: string | undefined) => void) | undefined;
  handshake!: Handshake;
  isOpen = true;

  /** `capabilities` are declared at `initialize`. `onMessage` gets what is no answer; `onEnd` is called once. */
  constructor(channel: HttpChannel, capabilities: JsonObject, onMessage: (message: unknown) => void, onEnd: (stream: SseStream) => void) {
    this.#channel = channel;
    this.#capabilities = capabilities;
    this.#headers = channel.plainHeaders;
    this.#exchange = channel.stream(this.#headers, { standing: true, onRawEvent: (event) => this.#isEndpoint(event), onEvent: (message) => this.#take(message, onMessage) });
    void this.#exchange.answer.then((answer) => {
      this.#ended(answer);
      onEnd(this);
    });
  }

  /** Waits for the endpoint and shakes hands. */
  async start(): Promise<void> {
    const { culprit, limits, clientInfo } = this.#channel;
    const timer = setTimeout(() => this.#exchange.abort(), limits.handshakeTimeoutMs);
    try {
      if (this.#path === undefined) await Promise.race([new Promise((resolve) => (this.#onEndpoint = resolve)), this.#exchange.answer]);
      if (this.#path === undefined) throw await this.#whyNoEndpoint();
      const outcome = await this.request('initialize', legacyInitializeParams(clientInfo, this.#capabilities));
      if (outcome.kind !== 'answer') throw this.#fault(outcome);
      this.handshake = readHandshake(this.#channel, readReply(culprit, outcome.received));
      await this.send({ jsonrpc: '2.0', method: 'notifications/initialized' });
      if (wantsLogLevel(this.handshake)) void this.request('logging/setLevel', { level: 'debug' });
    } finally {
      clearTimeout(timer);
    }
  }

  /** Sends a request under the id given, or one of its own; resolves in any case, at the latest when the stream ends. */
  request(method: string, params: JsonObject, id: number = this.#channel.nextId()): Promise<Outcome> {
    return new Promise((resolve) => {
      if (!this.isOpen) return resolve({ kind: 'failed', error: notSent(this.#channel.culprit, new Error('the event stream has ended')) });
      this.#waiting.set(id, resolve);
      void this.send(outgoingRequest(id, method, params)).then((answer) => this.#posted(id, answer));
    });
  }

  /** The caller waits no longer. */
  forget(id: number): void {
    this.#waiting.delete(id);
    this.#endIfIdle();
  }

  /** Takes no requests any more, and ends once those under way are answered. */
  retire(): void {
    this.isOpen = false;
    this.#endIfIdle();
  }

  send(message: object): Promise<Answer> {
    return this.#channel.send(message, this.#headers, this.#path);
  }

  close(): void {
    this.isOpen = false;
    this.#exchange.abort();
  }

  #isEndpoint({ event, data }: SseEvent): boolean {
    if (event !== 'endpoint') return false;
    if (this.#path !== undefined) return true;
    const { url } = this.#channel;
    const endpoint = URL.parse(data, url.href);
    // Our headers, credentials among them, go there: never to another origin.
    if (endpoint !== null && endpoint.origin === url.origin) this.#path = endpoint.pathname + endpoint.search;
    else this.#exchange.abort();
    this.#onEndpoint?.(this.#path);
    return true;
  }

  #take(message: unknown, onMessage: (message: unknown) => void): boolean {
    const id = typeof message === 'object' && message !== null && 'id' in message && typeof message.id === 'number' ? message.id : undefined;
    const settle = id === undefined ? undefined : this.#waiting.get(id);
    if (id === undefined || settle === undefined || !isAnswer(message, id)) {
      onMessage(message);
      return false;
    }
    this.forget(id);
    settle({ kind: 'answer', received: { id, answer: { kind: 'message', status: 200, headers: {}, message } } });
    return false;
  }

  /** The POST itself only says whether the server took the message. */
  #posted(id: number, answer: Answer): void {
    const settle = this.#waiting.get(id);
    if (settle === undefined) return;
    const { culprit } = this.#channel;
    if (answer.kind === 'body' && answer.status >= 200 && answer.status < 300) return;
    this.forget(id);
    if (answer.kind === 'body') return settle({ kind: 'refused', status: answer.status });
    if (answer.kind === 'not-sent') return settle({ kind: 'failed', error: notSent(culprit, answer.cause) });
    settle({ kind: 'failed', error: lost(culprit, answer.kind === 'lost' ? answer.cause : undefined) });
  }

  #endIfIdle(): void {
    if (!this.isOpen && this.#waiting.size === 0) this.#exchange.abort();
  }

  #ended(answer: Answer): void {
    this.isOpen = false;
    const error = lost(this.#channel.culprit, answer.kind === 'lost' ? answer.cause : undefined);
    for (const settle of this.#waiting.values()) settle({ kind: 'failed', error });
    this.#waiting.clear();
  }

  async #whyNoEndpoint(): Promise<Error> {
    const { culprit } = this.#channel;
    const answer = await this.#exchange.answer;
    if (answer.kind === 'aborted') return handshakeRefused(culprit, 'its event stream named no endpoint of its own origin in time');
    if (answer.kind === 'body') return refusedByStatus(culprit, answer.status, {});
    if (answer.kind === 'not-sent') return notSent(culprit, answer.cause);
    return handshakeRefused(culprit, 'its event stream ended before it named an endpoint');
  }

  #fault(outcome: Exclude<Outcome, { kind: 'answer' }>): Error {
    return outcome.kind === 'failed' ? outcome.error : refusedByStatus(this.#channel.culprit, outcome.status, {});
  }
}
