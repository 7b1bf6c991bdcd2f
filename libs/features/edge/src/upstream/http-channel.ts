import { GatewayError, type UpstreamClient, type UpstreamReply } from '@mcpgw/contracts';
import { outgoingRequest, type ClientInfo, type JsonObject } from '@mcpgw/core-mcp-wire';
import type { UpstreamCall } from '../ports.js';
import type { ConnectionPools, PoolShare } from './connection-pools.js';
import { Exchange, type Answer, type ExchangeRequest, type ResponseHeaders } from './exchange.js';
import { configuredHeaders, type HttpTarget, type HttpUpstreamLimits } from './http-target.js';
import { readReply, type Received } from './reply.js';
import { encoded, lost, notSent, stopped, tooLarge, type Culprit } from './upstream-faults.js';

/** One call to an HTTP server: what of an UpstreamCall concerns the server. */
export interface HttpCall {
  readonly method: string;
  readonly params: JsonObject;
  readonly timeoutMs: number;
  readonly client?: UpstreamClient | undefined;
  readonly onAsk?: UpstreamCall['onAsk'] | undefined;
  readonly onEvent?: UpstreamCall['onEvent'] | undefined;
  readonly onPause?: UpstreamCall['onPause'] | undefined;
}

export interface ChannelOptions {
  readonly server: string;
  readonly target: HttpTarget;
  readonly pools: ConnectionPools;
  readonly limits: HttpUpstreamLimits;
  readonly clientInfo: ClientInfo;
}

export type Headers = Readonly<Record<string, string>>;
type Reading = Pick<ExchangeRequest, 'onEvent' | 'onRawEvent' | 'onOpen' | 'standing'>;

const ACCEPT = 'application/json, text/event-stream';
const SEND_TIMEOUT_MS = 5_000;
const END_TIMEOUT_MS = 2_000;

/** The way to one HTTP server with one set of headers: exchanges, request ids, and messages that get no answer. Knows no era. */
export class HttpChannel {
  readonly culprit: Culprit;
  readonly limits: HttpUpstreamLimits;
  readonly clientInfo: ClientInfo;
  readonly url: URL;
  /** Of a POST without session or version. */
  readonly plainHeaders: Headers;
  readonly #share: PoolShare;
  readonly #path: string;
  #lastId = 0;

  constructor({ server, target, pools, limits, clientInfo }: ChannelOptions) {
    this.url = new URL(target.url);
    this.limits = limits;
    this.clientInfo = clientInfo;
    this.culprit = { server, host: this.url.host };
    if (!target.allowPrivateNetwork && this.url.protocol !== 'https:') {
      throw new GatewayError('upstream_failed', `Server "${server}" at ${this.url.host} has an http: URL, which only servers with http.allowPrivateNetwork: true may have. Use https:.`);
    }
    this.#path = this.url.pathname + this.url.search;
    this.plainHeaders = { ...configuredHeaders(target), 'content-type': 'application/json', accept: ACCEPT, 'accept-encoding': 'identity' };
    this.#share = pools.acquire(this.url.origin, target.allowPrivateNetwork);
  }

  /** Unique on this channel, over all its sessions, and never used again. */
  nextId(): number {
    this.#lastId += 1;
    return this.#lastId;
  }

  /** `mayWait`: for a call that may stay open until a person has answered; it must not take a connection from the others. */
  post(headers: Headers, body: string, onEvent: (message: unknown) => boolean, mayWait: boolean): Exchange {
    return new Exchange(mayWait ? this.#share.side : this.#share.pool, { method: 'POST', path: this.#path, headers, body, maxResponseBytes: this.limits.maxResponseBytes, onEvent });
  }

  /** A stream that stays open; by POST when there is a body. */
  stream(headers: Headers, reading: Reading & { readonly body?: string }): Exchange {
    const isGet = reading.body === undefined;
    return new Exchange(this.#share.side, { method: isGet ? 'GET' : 'POST', path: this.#path, headers: isGet ? forGet(headers) : headers, maxResponseBytes: this.limits.maxResponseBytes, ...reading });
  }

  /** A message whose answer, if any, comes elsewhere. Resolves in any case, within a few seconds. */
  async send(message: object, headers: Headers, path = this.#path): Promise<Answer> {
    const exchange = new Exchange(this.#share.side, { method: 'POST', path, headers, body: JSON.stringify(message), maxResponseBytes: this.limits.maxResponseBytes });
    const timer = setTimeout(() => exchange.abort(), SEND_TIMEOUT_MS);
    const answer = await exchange.answer;
    clearTimeout(timer);
    return answer;
  }

  /** A request of our own, on nobody's behalf, with its own deadline. Rejects with the fault when there is no answer. */
  async request(method: string, params: JsonObject, headers: Headers, timeoutMs: number): Promise<{ reply: UpstreamReply; headers: ResponseHeaders }> {
    const id = this.nextId();
    const exchange = this.post(headers, JSON.stringify(outgoingRequest(id, method, params)), (message) => isAnswer(message, id), false);
    const timer = setTimeout(() => exchange.abort(), timeoutMs);
    const answer = await exchange.answer;
    clearTimeout(timer);
    if (answer.kind === 'aborted') throw stopped(this.culprit, 'timeout', timeoutMs);
    const received = this.received(answer);
    return { reply: readReply(this.culprit, { id, answer: received }), headers: received.headers };
  }

  /** The message of an exchange, or the fault when there is none. */
  received(answer: Exclude<Answer, { kind: 'aborted' }>): Received['answer'] {
    switch (answer.kind) {
      case 'body':
      case 'message':
        return answer;
      case 'not-sent':
        throw notSent(this.culprit, answer.cause);
      case 'too-large':
        throw tooLarge(this.culprit, this.limits.maxResponseBytes);
      case 'encoded':
        throw encoded(this.culprit);
      case 'lost':
        throw lost(this.culprit, answer.cause);
      case 'stream-end':
        throw lost(this.culprit);
    }
  }

  /** Tells the server that a session is over. */
  async end(headers: Headers): Promise<void> {
    const exchange = new Exchange(this.#share.side, { method: 'DELETE', path: this.#path, headers: forGet(headers), maxResponseBytes: 65_536 });
    const timer = setTimeout(() => exchange.abort(), END_TIMEOUT_MS);
    await exchange.answer;
    clearTimeout(timer);
  }

  /** Gives the connections back, once their requests are answered. */
  release(): void {
    this.#share.release();
  }
}

/** Whether a message is the answer to our request `id`. */
export function isAnswer(message: unknown, id: number): boolean {
  return typeof message === 'object' && message !== null && 'id' in message && message.id === id && !('method' in message);
}

function forGet(headers: Headers): Record<string, string> {
  const { 'content-type': _none, ...rest } = headers;
  return { ...rest, accept: 'text/event-stream' };
}
