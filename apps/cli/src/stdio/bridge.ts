import {
  encodeHeaderValue,
  errorResponse,
  HEADER_MISMATCH,
  isObject,
  META_PROTOCOL_VERSION,
  metaOf,
  nameHeaderSource,
  readMessage,
  type JsonObject,
  type NotificationMessage,
  type RequestId,
  type RequestMessage,
} from '@mcpgw/core-mcp-wire';
import { isUnreachable, type HttpReply } from '../gateway/endpoint.js';
import { AnswerRelay, type Waiting } from './answer-relay.js';
import type { EdgeLink } from './edge-link.js';
import { LegacySession } from './legacy-session.js';
import { followNotifications } from './notification-stream.js';
import { ParamMemory } from './param-memory.js';
import { firstOf, withId, type Relayed } from './read-reply.js';

const MOST_UNDER_WAY = 256;
/** Notifications and answers on their way to the gateway; the client's next line waits beyond. */
const MOST_DELIVERIES = 64;
const MOST_PAGES = 64;
const GOODBYE_MS = 1_000;
const PARSE_ERROR = -32700;
const INVALID_REQUEST = -32600;

/**
 * Carries MCP messages between a client on stdio and the gateway's HTTP endpoint, for both eras. A message goes on as the
 * client wrote it; only HTTP's own things are added: headers, the session, streams.
 */
export class StdioBridge {
  private readonly session: LegacySession;
  private readonly relay: AnswerRelay;
  private readonly params = new ParamMemory();
  private readonly underWay = new Map<RequestId, Waiting>();
  private readonly work = new Set<Promise<void>>();
  private readonly deliveries = new Set<Promise<void>>();
  private readonly ending = new AbortController();
  private modernVersion: string | undefined;
  private following = false;

  constructor(
    private readonly link: EdgeLink,
    /** Writes one line to the client; resolves when it may have the next. */
    private readonly write: (line: string) => Promise<void>,
    /** For people, on standard error. */
    private readonly note: (text: string) => void,
  ) {
    this.session = new LegacySession(link);
    this.relay = new AnswerRelay(link, this.session, write);
  }

  /** Takes one line of the client. Resolves at once, except for the handshake, which everything after it must follow, and under a flood. */
  async accept(line: string): Promise<void> {
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      return this.refuse(null, PARSE_ERROR, 'The line is not valid JSON.');
    }
    const message = readMessage(value);
    switch (message.kind) {
      case 'batch':
        return this.refuse(null, INVALID_REQUEST, 'Batches are not part of MCP: send one message on each line.');
      case 'invalid':
        return this.refuse(message.id, INVALID_REQUEST, `Not a valid message: ${message.reason}.`);
      case 'response':
        // The client's answer to a question of the server, whose id is the gateway's: the two sides' ids never mix.
        return this.send(line, this.session.headers());
      case 'notification':
        return this.acceptNotification(message, line);
      case 'request': {
        const work = this.acceptRequest(message, line);
        this.start(work);
        return message.method === 'initialize' ? work : undefined;
      }
    }
  }

  /** Lets what is under way end, for so long; then ends the session and everything else. */
  async close(deadlineMs: number): Promise<void> {
    const late = new Promise<void>((resolve) => setTimeout(resolve, deadlineMs).unref());
    if (this.work.size > 0) await Promise.race([Promise.allSettled([...this.work]), late]);
    this.ending.abort();
    await this.session.end(AbortSignal.timeout(GOODBYE_MS)).catch(() => {});
    await this.link.close();
  }

  /** Resolves when the next line may be taken. */
  private async send(line: string, headers: Readonly<Record<string, string>>, after: () => void = () => {}): Promise<void> {
    const delivery = this.deliver(line, headers).finally(after);
    const settled = delivery.catch(() => {}).finally(() => this.deliveries.delete(settled));
    this.deliveries.add(settled);
    this.start(delivery);
    if (this.deliveries.size >= MOST_DELIVERIES) await Promise.race(this.deliveries);
  }

  private start(work: Promise<void>): void {
    const settled = work.catch((error: unknown) => this.note(`mcpgw stdio: ${reason(error)}`)).finally(() => this.work.delete(settled));
    this.work.add(settled);
  }

  private async acceptNotification(message: NotificationMessage, line: string): Promise<void> {
    if (message.method === 'notifications/cancelled') return this.cancel(message, line);
    const version = versionOf(message.params) ?? (this.session.open ? undefined : this.modernVersion);
    if (version !== undefined) return this.send(line, { 'mcp-protocol-version': version, 'mcp-method': message.method });
    if (message.method !== 'notifications/initialized') return this.send(line, this.session.headers());
    this.session.noteInitialized(line);
    await this.deliver(line, this.session.headers()).catch((error: unknown) => this.note(`mcpgw stdio: ${reason(error)}`));
    if (this.following) return;
    this.following = true;
    void followNotifications(this.link, this.session, this.write, this.ending.signal);
  }

  /** Over HTTP a modern request is cancelled by closing its stream (MCP 2026-07-28, cancellation); a legacy one by the message, for there a closed stream says nothing. */
  private async cancel({ params }: NotificationMessage, line: string): Promise<void> {
    const request = this.underWay.get(params?.['requestId'] as RequestId);
    if (request) request.cancelled = true;
    if (request?.modern) return request.abort.abort();
    if (this.session.open) await this.send(line, this.session.headers(), () => request?.abort.abort());
  }

  private async acceptRequest(message: RequestMessage, line: string): Promise<void> {
    const { id } = message;
    if (this.underWay.has(id)) return this.refuse(id, INVALID_REQUEST, 'A request with this id is still under way.');
    if (this.underWay.size >= MOST_UNDER_WAY) return this.refuse(id, -31429, `${MOST_UNDER_WAY} requests are under way; wait for one of them.`);
    const version = versionOf(message.params);
    this.modernVersion = version ?? this.modernVersion;
    const request: Waiting = { id, abort: new AbortController(), modern: version !== undefined, cancelled: false };
    this.underWay.set(id, request);
    const end = (): void => request.abort.abort();
    this.ending.signal.addEventListener('abort', end);
    try {
      await (version === undefined ? this.legacy(message, line, request) : this.modern(message, line, version, request));
    } catch (error) {
      if (!request.cancelled && !this.ending.signal.aborted) await this.refuse(id, ...this.failure(error));
    } finally {
      this.ending.signal.removeEventListener('abort', end);
      this.underWay.delete(id);
    }
  }

  private async modern(message: RequestMessage, line: string, version: string, request: Waiting): Promise<void> {
    const name = nameHeaderSource(message.method, message.params);
    const base = { 'mcp-protocol-version': version, 'mcp-method': message.method, ...(name === undefined ? {} : { 'mcp-name': encodeHeaderValue(name) }) };
    const headers = (): Record<string, string> => ({ ...base, ...this.params.headersFor(message.method, message.params) });
    const reply = await this.link.post(line, headers(), request.abort.signal);
    const learn = (answer: JsonObject): void => void (message.method === 'tools/list' && this.params.learn(answer['result']));
    if (message.method !== 'tools/call' || reply.statusCode !== 400) return this.settle(reply, request, learn);
    const refusal = await firstOf(reply);
    const error = refusal?.message['error'];
    if (!isObject(error)) return this.refuse(message.id, -31400, this.httpFailure(400));
    if (error['code'] !== HEADER_MISMATCH) return this.write(withId(refusal as Relayed, message.id));
    // The client called a tool that it has not listed here, or that has changed: nothing ran.
    await this.learnTools(message, version, request.abort.signal);
    await this.settle(await this.link.post(line, headers(), request.abort.signal), request, learn);
  }

  /** Lists the tools as the client of this request would, for their annotations. */
  private async learnTools({ params }: RequestMessage, version: string, signal: AbortSignal): Promise<void> {
    const { progressToken: _, ...meta } = metaOf(params) ?? {};
    let cursor: unknown;
    for (let page = 0; page < MOST_PAGES && (page === 0 || typeof cursor === 'string'); page++) {
      const request = { jsonrpc: '2.0', id: `mcpgw-tools-${page}`, method: 'tools/list', params: { ...(typeof cursor === 'string' ? { cursor } : {}), _meta: meta } };
      const reply = await this.link.post(JSON.stringify(request), { 'mcp-protocol-version': version, 'mcp-method': 'tools/list' }, signal);
      const result = (await firstOf(reply))?.message['result'];
      this.params.learn(result);
      cursor = isObject(result) ? result['nextCursor'] : undefined;
    }
  }

  private async legacy(message: RequestMessage, line: string, request: Waiting): Promise<void> {
    if (message.method === 'initialize') {
      const reply = await this.link.post(line, {}, request.abort.signal);
      return this.settle(reply, request, (answer) => this.session.begun(message.params, reply, answer));
    }
    const sessionId = this.session.sessionId;
    const reply = await this.link.post(line, this.session.headers(), request.abort.signal);
    const expired = reply.statusCode === 404 && sessionId !== undefined;
    const note = (answer: JsonObject): void => void (isObject(answer['result']) && this.session.note(message.method, message.params));
    if (!expired) return this.settle(reply, request, note);
    const refusal = await firstOf(reply);
    // An error about this very request is an answer, not the end of the session.
    if (refusal?.message['id'] === message.id) return this.write(refusal.line);
    if (!(await this.session.renew(sessionId, this.ending.signal))) return this.refuse(message.id, -31404, 'The session at the gateway is over and could not be opened again.');
    await this.settle(await this.link.post(line, this.session.headers(), request.abort.signal), request, note);
  }

  /** Passes the reply on and makes sure that the request gets exactly one answer. */
  private async settle(reply: HttpReply, request: Waiting, onAnswer: (answer: JsonObject) => void = () => {}): Promise<void> {
    try {
      if (await this.relay.relay(reply, request, onAnswer)) return;
    } catch (error) {
      if (reply.statusCode < 400 || !(error instanceof SyntaxError)) throw error;
    }
    if (!request.cancelled) await this.refuse(request.id, -31_000 - (reply.statusCode < 400 ? 502 : reply.statusCode), this.httpFailure(reply.statusCode));
  }

  private async deliver(line: string, headers: Readonly<Record<string, string>>): Promise<void> {
    const sessionId = this.session.sessionId;
    const reply = await this.link.post(line, headers, this.ending.signal);
    await reply.body.dump();
    if (reply.statusCode !== 404 || sessionId === undefined || !(await this.session.renew(sessionId, this.ending.signal))) return;
    await (await this.link.post(line, this.session.headers(), this.ending.signal)).body.dump();
  }

  private refuse(id: RequestId | null, code: number, message: string): Promise<void> {
    return this.write(JSON.stringify(errorResponse(id, { code, message })));
  }

  private failure(error: unknown): readonly [number, string] {
    if (isUnreachable(error)) return [-31503, `The gateway at ${this.link.place} does not answer. Start it with "npm start" or "mcpgw up"; what was under way there may or may not have run.`];
    return [-31502, `The gateway's answer did not arrive: ${reason(error)}`];
  }

  private httpFailure(status: number): string {
    if (status === 401) return 'The gateway refuses the consumer key. Make one with "mcpgw key create" and set it as MCPGW_CONSUMER_KEY.';
    return status < 400 ? 'The gateway closed the stream before the answer came; the call may or may not have run.' : `The gateway answered HTTP ${status}.`;
  }
}

function versionOf(params: JsonObject | undefined): string | undefined {
  const version = metaOf(params)?.[META_PROTOCOL_VERSION];
  return typeof version === 'string' ? version : undefined;
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
