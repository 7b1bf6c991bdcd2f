import { isObject, type JsonObject } from '@mcpgw/core-mcp-wire';
import type { HttpReply } from '../gateway/endpoint.js';
import type { EdgeLink } from './edge-link.js';
import { messagesOf } from './read-reply.js';

const MOST_SUBSCRIPTIONS = 1_000;

/**
 * The client's one session at the gateway, for clients up to MCP 2025-11-25. When the gateway no longer knows it, `renew`
 * opens another with what the client said at the start, so that the client notices nothing.
 */
export class LegacySession {
  private id: string | undefined;
  private version: string | undefined;
  private initialize: JsonObject | undefined;
  private initialized: string | undefined;
  private logLevel: JsonObject | undefined;
  private readonly subscriptions = new Map<string, JsonObject>();
  private renewing: Promise<boolean> | undefined;
  private renewals = 0;

  constructor(private readonly link: EdgeLink) {}

  /** Whether the handshake is over, so that messages and streams of this session make sense. */
  get open(): boolean {
    return this.version !== undefined;
  }

  headers(): Record<string, string> {
    return { ...(this.id === undefined ? {} : { 'mcp-session-id': this.id }), ...(this.version === undefined ? {} : { 'mcp-protocol-version': this.version }) };
  }

  /** Remembers what a renewed session must be told again. Called with each request the gateway has accepted. */
  note(method: string, params: JsonObject | undefined): void {
    const uri = typeof params?.['uri'] === 'string' ? params['uri'] : '';
    if (method === 'logging/setLevel') this.logLevel = params;
    if (method === 'resources/subscribe' && params && this.subscriptions.size < MOST_SUBSCRIPTIONS) this.subscriptions.set(uri, params);
    if (method === 'resources/unsubscribe') this.subscriptions.delete(uri);
  }

  noteInitialized(line: string): void {
    this.initialized = line;
  }

  /** A handshake that the client asked for has its answer. */
  begun(params: JsonObject | undefined, reply: HttpReply, answer: JsonObject): void {
    const result = answer['result'];
    if (!isObject(result)) return;
    const id = reply.headers['mcp-session-id'];
    this.id = typeof id === 'string' ? id : undefined;
    this.version = typeof result['protocolVersion'] === 'string' ? result['protocolVersion'] : undefined;
    this.initialize = params ?? {};
  }

  /** Opens a new session in the place of the one with this id; false when that is not possible. Several callers share one handshake. */
  renew(expired: string | undefined, signal: AbortSignal): Promise<boolean> {
    if (!this.renewing && this.id !== expired) return Promise.resolve(true);
    this.renewing ??= this.handshake(signal)
      .catch(() => false)
      .finally(() => (this.renewing = undefined));
    return this.renewing;
  }

  get sessionId(): string | undefined {
    return this.id;
  }

  async end(signal: AbortSignal): Promise<void> {
    if (this.id === undefined) return;
    const reply = await this.link.end(this.headers(), signal);
    await reply.body.dump();
  }

  private async handshake(signal: AbortSignal): Promise<boolean> {
    if (this.initialize === undefined) return false;
    const reply = await this.ask('initialize', this.initialize, {}, signal);
    if (!reply) return false;
    this.begun(this.initialize, reply.reply, reply.answer);
    if (!isObject(reply.answer['result'])) return false;
    if (this.initialized !== undefined) await (await this.link.post(this.initialized, this.headers(), signal)).body.dump();
    if (this.logLevel) await this.ask('logging/setLevel', this.logLevel, this.headers(), signal);
    for (const params of this.subscriptions.values()) await this.ask('resources/subscribe', params, this.headers(), signal);
    return true;
  }

  /** A request of our own, whose answer the client doesn't see. */
  private async ask(method: string, params: JsonObject, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<{ reply: HttpReply; answer: JsonObject } | undefined> {
    const id = `mcpgw-renewal-${++this.renewals}`;
    const reply = await this.link.post(JSON.stringify({ jsonrpc: '2.0', id, method, params }), headers, signal);
    for await (const { message } of messagesOf(reply)) if (message['id'] === id) return { reply, answer: message };
    return undefined;
  }
}
