import type { UpstreamReply } from '@mcpgw/contracts';
import { legacyInitializeParams, quote, readInitializeResult, type ClientInfo, type Handshake, type JsonObject } from '@mcpgw/core-mcp-wire';
import type { Answer, ResponseHeaders } from './exchange.js';
import { handshakeRefused, notSent, type Culprit } from './upstream-faults.js';

/** A started session; `id` is undefined for a server that needs none. `headers` serve every request on it. */
export interface LegacySession {
  readonly id: string | undefined;
  readonly handshake: Handshake;
  readonly headers: Readonly<Record<string, string>>;
}

export interface SessionTransport {
  readonly clientInfo: ClientInfo;
  readonly culprit: Culprit;
  readonly plainHeaders: Readonly<Record<string, string>>;
  request(method: string, params: JsonObject): Promise<{ readonly reply: UpstreamReply; readonly headers: ResponseHeaders }>;
  notify(method: string, session: LegacySession): Promise<Answer>;
}

/** The session with a legacy server: started once for all who wait for it, replaced when the server has forgotten it. */
export class LegacySessions {
  readonly #transport: SessionTransport;
  #starting: Promise<LegacySession> | undefined;
  current: LegacySession | undefined;

  constructor(transport: SessionTransport) {
    this.#transport = transport;
  }

  /** Single-flight: a hundred callers of a server that has just come back make one `initialize`. */
  start(): Promise<LegacySession> {
    if (this.current !== undefined) return Promise.resolve(this.current);
    this.#starting ??= this.#initialize().finally(() => (this.#starting = undefined));
    return this.#starting;
  }

  /** Forgets the session unless it has been replaced already. */
  drop(session: LegacySession): void {
    if (this.current === session) this.current = undefined;
  }

  async #initialize(): Promise<LegacySession> {
    const transport = this.#transport;
    const { reply, headers } = await transport.request('initialize', legacyInitializeParams(transport.clientInfo));
    if ('error' in reply) throw handshakeRefused(transport.culprit, `initialize was refused with error ${reply.error.code} ${quote(reply.error.message)}`);
    const read = readInitializeResult(reply.result);
    if (!read.ok) throw handshakeRefused(transport.culprit, read.reason);
    const id = headers['mcp-session-id'];
    if (id !== undefined && (typeof id !== 'string' || !/^[\x21-\x7e]{1,1024}$/.test(id))) throw handshakeRefused(transport.culprit, 'the session id is not visible ASCII of at most 1024 characters');
    const { protocolVersion } = read.handshake;
    const session: LegacySession = {
      id,
      handshake: read.handshake,
      headers: { ...transport.plainHeaders, 'mcp-protocol-version': protocolVersion, ...(id === undefined ? {} : { 'mcp-session-id': id }) },
    };
    const answer = await transport.notify('notifications/initialized', session);
    if (answer.kind === 'not-sent') throw notSent(transport.culprit, answer.cause);
    this.current = session;
    return session;
  }
}
