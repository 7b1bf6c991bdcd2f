import { GatewayError, type ToolDefinition, type UpstreamReply } from '@mcpgw/contracts';
import { encodeHeaderValue, isObject, LATEST_MODERN_VERSION, nameHeaderSource, outgoingRequest, paramsForLegacy, paramsForModern, progressTokenOf, type ClientInfo, type JsonObject } from '@mcpgw/core-mcp-wire';
import type { Pool } from 'undici';
import { ArgumentHeaders } from './argument-headers.js';
import { CallDeadline } from './call-deadline.js';
import type { ConnectionPools, PoolShare } from './connection-pools.js';
import { Exchange, type Answer, type ResponseHeaders } from './exchange.js';
import { configuredHeaders, type HttpTarget, type HttpUpstreamLimits } from './http-target.js';
import { LegacySessions, type LegacySession } from './legacy-sessions.js';
import { isSessionExpired, readReply, type Received } from './reply.js';
import { StreamListener } from './stream-listener.js';
import { busy, lost, notSent, refusedByStatus, stopped, tooLarge, type Culprit } from './upstream-faults.js';

export type OnEvent = (method: string, params: Record<string, unknown>) => void;

export interface ConnectionOptions {
  readonly server: string;
  readonly target: HttpTarget;
  readonly pools: ConnectionPools;
  readonly limits: HttpUpstreamLimits;
  readonly clientInfo: ClientInfo;
  readonly onListChanged: () => void;
  /** Keep a GET stream open to hear of changed lists. Not for a connection that lives for one discovery. */
  readonly listen: boolean;
}

export interface HttpCall {
  readonly method: string;
  readonly params: JsonObject;
  readonly timeoutMs: number;
  readonly onEvent?: OnEvent | undefined;
}

const ACCEPT = 'application/json, text/event-stream';
const LIST_CHANGED = /^notifications\/(tools|prompts|resources)\/list_changed$/;
const CANCEL_TIMEOUT_MS = 5_000;
const END_TIMEOUT_MS = 2_000;
/** Answers to server-to-client requests under way at once; a flood of requests beyond them is ignored. */
const MAX_ANSWERS = 16;

/**
 * One HTTP server with one set of headers, called over Streamable HTTP in its own era. Holds the session of a legacy server
 * and shares it between callers: no caller's identity goes upstream, so there is nothing to keep apart.
 */
export class HttpServerConnection {
  readonly culprit: Culprit;
  readonly #options: ConnectionOptions;
  readonly #share: PoolShare;
  readonly #path: string;
  readonly #modernHeaders: Readonly<Record<string, string>>;
  readonly #plainHeaders: Readonly<Record<string, string>>;
  readonly #sessions: LegacySessions;
  readonly #listener: StreamListener;
  #arguments: ArgumentHeaders;
  #lastId = 0;
  #pending = 0;
  #answering = 0;
  #closed = false;
  #onIdle: (() => void) | undefined;
  lastUsedMs = performance.now();

  constructor(options: ConnectionOptions) {
    const { target } = options;
    const url = new URL(target.url);
    this.#options = options;
    this.#arguments = new ArgumentHeaders(target.tools ?? []);
    this.culprit = { server: options.server, host: url.host };
    if (!target.allowPrivateNetwork && url.protocol !== 'https:') {
      throw new GatewayError('upstream_failed', `Server "${options.server}" at ${url.host} has an http: URL, which only servers with http.allowPrivateNetwork: true may have. Use https:.`);
    }
    this.#path = url.pathname + url.search;
    this.#plainHeaders = { ...configuredHeaders(target), 'content-type': 'application/json', accept: ACCEPT };
    this.#modernHeaders = { ...this.#plainHeaders, 'mcp-protocol-version': LATEST_MODERN_VERSION };
    this.#share = options.pools.acquire(url.origin, target.allowPrivateNetwork);
    this.#sessions = new LegacySessions({
      clientInfo: options.clientInfo,
      culprit: this.culprit,
      plainHeaders: this.#plainHeaders,
      request: (method, params) => this.#handshakeRequest(method, params),
      notify: (method, session) => this.#notify(method, undefined, session),
    });
    this.#listener = new StreamListener((session, onMessage, onOpen) => this.#openStream(session, onMessage, onOpen));
  }

  /** The server's tools have been discovered anew; nothing else of the target has changed. */
  set tools(tools: readonly ToolDefinition[]) {
    this.#arguments = new ArgumentHeaders(tools);
  }

  get pending(): number {
    return this.#pending;
  }

  /** One call in the era of the target. Rejects as UpstreamPort says. */
  async call(call: HttpCall, signal?: AbortSignal): Promise<UpstreamReply> {
    if (this.#pending >= this.#options.limits.maxPendingPerServer) throw busy(this.culprit, this.#pending);
    this.#pending += 1;
    this.lastUsedMs = performance.now();
    const deadline = new CallDeadline(call.timeoutMs, signal);
    try {
      return this.#options.target.era === 'modern' ? await this.callModern(call, deadline) : await this.#callLegacy(call, deadline);
    } finally {
      deadline.dispose();
      this.#pending -= 1;
      this.lastUsedMs = performance.now();
      if (this.#pending === 0) this.#onIdle?.();
    }
  }

  /** Also the probe for the modern era: whether the server speaks it is for the caller to tell from the reply. */
  async callModern(call: HttpCall, deadline: CallDeadline): Promise<UpstreamReply> {
    const params = paramsForModern(call.params, { clientInfo: this.#options.clientInfo, clientCapabilities: {} });
    const name = nameHeaderSource(call.method, params);
    const headers: Record<string, string> = { ...this.#modernHeaders, ...this.#arguments.of(call.method, call.params), 'mcp-method': encodeHeaderValue(call.method) };
    if (name !== undefined) headers['mcp-name'] = encodeHeaderValue(name);
    return readReply(this.culprit, await this.#post({ ...call, params }, headers, deadline, undefined));
  }

  /** Starts the session of a legacy server, or returns the one there is. */
  session(): Promise<LegacySession> {
    return this.#sessions.current ? Promise.resolve(this.#sessions.current) : this.#startSession();
  }

  async #callLegacy(call: HttpCall, deadline: CallDeadline): Promise<UpstreamReply> {
    const params = paramsForLegacy(call.params);
    for (let attempt = 1; ; attempt += 1) {
      const session = this.#sessions.current ?? (await deadline.race(this.#startSession()));
      if (session === undefined) throw this.#stopped(deadline, call);
      const received = await this.#post(params === call.params ? call : { ...call, params }, session.headers, deadline, session);
      if (session.id === undefined || !isSessionExpired(received.answer)) return readReply(this.culprit, received);
      // The one case in which a request is sent again: the server said that it knows no such session, so nothing ran.
      this.#sessions.drop(session);
      if (attempt === 2) throw refusedByStatus(this.culprit, received.answer.status, {});
    }
  }

  async #startSession(): Promise<LegacySession> {
    const session = await this.#sessions.start();
    if (this.#options.listen && !this.#closed) this.#listener.listen(session);
    return session;
  }

  async #post(call: HttpCall, headers: Readonly<Record<string, string>>, deadline: CallDeadline, session: LegacySession | undefined): Promise<Received> {
    if (deadline.reason !== undefined) throw this.#stopped(deadline, call);
    this.#lastId += 1;
    const id = this.#lastId;
    const exchange = this.#exchange({
      headers,
      body: JSON.stringify(outgoingRequest(id, call.method, call.params)),
      onEvent: (message) => this.#incoming(message, session, id, call),
    });
    deadline.onStop(() => exchange.abort());
    const answer = await exchange.answer;
    if (answer.kind === 'aborted') {
      if (session !== undefined && answer.sent) this.#cancel(id, session, deadline.reason);
      throw this.#stopped(deadline, call);
    }
    return { id, answer: this.#received(answer) };
  }

  /** The message of an exchange, or the fault when there is none. */
  #received(answer: Exclude<Answer, { kind: 'aborted' }>): Received['answer'] {
    switch (answer.kind) {
      case 'body':
      case 'message':
        return answer;
      case 'not-sent':
        throw notSent(this.culprit, answer.cause);
      case 'too-large':
        throw tooLarge(this.culprit, this.#options.limits.maxResponseBytes);
      case 'lost':
        throw lost(this.culprit, answer.cause);
      case 'stream-end':
        throw lost(this.culprit);
    }
  }

  #exchange(request: { headers: Readonly<Record<string, string>>; body: string; onEvent?: (message: unknown) => boolean }): Exchange {
    return new Exchange(this.#pool, { method: 'POST', path: this.#path, maxResponseBytes: this.#options.limits.maxResponseBytes, ...request });
  }

  get #pool(): Pool {
    return this.#share.pool;
  }

  #stopped(deadline: CallDeadline, call: HttpCall): GatewayError {
    return stopped(this.culprit, deadline.reason ?? 'cancelled', call.timeoutMs);
  }

  /** A message on an event stream; true when it is the answer to the request `id`. */
  #incoming(message: unknown, session: LegacySession | undefined, id?: number, call?: HttpCall): boolean {
    if (!isObject(message)) return false;
    const { method, params } = message;
    if (typeof method !== 'string') return id !== undefined && message['id'] === id;
    if (message['id'] !== undefined) this.#answerRequest(message['id'], method, session);
    else if (LIST_CHANGED.test(method)) this.#options.onListChanged();
    else if (call?.onEvent !== undefined && isObject(params)) this.#event(method, params, id, call, call.onEvent);
    return false;
  }

  #event(method: string, params: JsonObject, id: number | undefined, call: HttpCall, onEvent: OnEvent): void {
    if (method === 'notifications/message') return onEvent(method, { ...params });
    const token = progressTokenOf(call.params);
    if (method !== 'notifications/progress' || token === undefined || params['progressToken'] !== id) return;
    onEvent(method, { ...params, progressToken: token });
  }

  /** We advertise no capability, so a server may ask for nothing but a ping; it must not wait for us in vain either. */
  #answerRequest(id: unknown, method: string, session: LegacySession | undefined): void {
    if (session === undefined || this.#answering >= MAX_ANSWERS) return;
    this.#answering += 1;
    const answer = method === 'ping' ? { result: {} } : { error: { code: -32601, message: 'Method not found: the client offers no capabilities' } };
    void this.#send({ jsonrpc: '2.0', id, ...answer }, session.headers, CANCEL_TIMEOUT_MS).finally(() => (this.#answering -= 1));
  }

  #cancel(requestId: number, session: LegacySession, reason: 'timeout' | 'cancelled' | undefined): void {
    void this.#notify('notifications/cancelled', { requestId, reason: reason === 'timeout' ? 'the time for this call is up' : 'the caller cancelled' }, session);
  }

  #notify(method: string, params: JsonObject | undefined, session: LegacySession): Promise<Answer> {
    return this.#send({ jsonrpc: '2.0', method, ...(params === undefined ? {} : { params }) }, session.headers, CANCEL_TIMEOUT_MS);
  }

  /** A message that gets no JSON-RPC answer. Resolves in any case, within the time given. */
  async #send(message: object, headers: Readonly<Record<string, string>>, timeoutMs: number): Promise<Answer> {
    const exchange = this.#exchange({ headers, body: JSON.stringify(message) });
    const timer = setTimeout(() => exchange.abort(), timeoutMs);
    const answer = await exchange.answer;
    clearTimeout(timer);
    return answer;
  }

  async #handshakeRequest(method: string, params: JsonObject): Promise<{ reply: UpstreamReply; headers: ResponseHeaders }> {
    const { handshakeTimeoutMs } = this.#options.limits;
    this.#lastId += 1;
    const id = this.#lastId;
    const exchange = this.#exchange({
      headers: this.#plainHeaders,
      body: JSON.stringify(outgoingRequest(id, method, params)),
      onEvent: (message) => this.#incoming(message, undefined, id),
    });
    const timer = setTimeout(() => exchange.abort(), handshakeTimeoutMs);
    const answer = await exchange.answer;
    clearTimeout(timer);
    if (answer.kind === 'aborted') throw stopped(this.culprit, 'timeout', handshakeTimeoutMs);
    const received = this.#received(answer);
    return { reply: readReply(this.culprit, { id, answer: received }), headers: received.headers };
  }

  #openStream(session: LegacySession, onMessage: () => void, onOpen: () => void): Exchange {
    const { 'content-type': _none, ...headers } = session.headers;
    return new Exchange(this.#pool, {
      method: 'GET',
      path: this.#path,
      headers: { ...headers, accept: 'text/event-stream' },
      maxResponseBytes: this.#options.limits.maxResponseBytes,
      onOpen,
      onEvent: (message) => {
        onMessage();
        return this.#incoming(message, session);
      },
    });
  }

  /** Ends the session and gives the connections back: when the calls under way are answered, or `now`. */
  async close(when: 'idle' | 'now'): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#listener.close();
    // Each call has a deadline, so this ends.
    if (when === 'idle' && this.#pending > 0) await new Promise<void>((resolve) => (this.#onIdle = resolve));
    const session = this.#sessions.current;
    if (session?.id !== undefined) {
      const { 'content-type': _none, ...headers } = session.headers;
      const exchange = new Exchange(this.#pool, { method: 'DELETE', path: this.#path, headers, maxResponseBytes: 65_536 });
      const timer = setTimeout(() => exchange.abort(), END_TIMEOUT_MS);
      await exchange.answer;
      clearTimeout(timer);
    }
    this.#share.release();
  }
}
