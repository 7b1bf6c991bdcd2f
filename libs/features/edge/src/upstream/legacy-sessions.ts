import { isObject, legacyInitializeParams, quote, readInitializeResult, type Handshake, type JsonObject } from '@mcpgw/core-mcp-wire';
import type { Headers, HttpChannel } from './http-channel.js';
import { handshakeRefused, notSent } from './upstream-faults.js';

/** A started session; `id` is undefined for a server that needs none. `headers` serve every request on it. */
export interface LegacySession {
  readonly id: string | undefined;
  readonly handshake: Handshake;
  readonly headers: Headers;
}

/** A log level only gets what the server would say anyway on its way; a slow answer to it must not hold up the first call. */
const SET_LEVEL_TIMEOUT_MS = 2_000;

/** The session with a legacy server: started once for all who wait for it, replaced when the server has forgotten it. */
export class LegacySessions {
  readonly #channel: HttpChannel;
  readonly #capabilities: JsonObject;
  #starting: Promise<LegacySession> | undefined;
  current: LegacySession | undefined;

  /** `capabilities` are declared at `initialize`. */
  constructor(channel: HttpChannel, capabilities: JsonObject) {
    this.#channel = channel;
    this.#capabilities = capabilities;
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
    const channel = this.#channel;
    const { culprit, plainHeaders } = channel;
    const { reply, headers } = await channel.request('initialize', legacyInitializeParams(channel.clientInfo, this.#capabilities), plainHeaders, channel.limits.handshakeTimeoutMs);
    const handshake = readHandshake(channel, reply);
    const id = headers['mcp-session-id'];
    if (id !== undefined && (typeof id !== 'string' || !/^[\x21-\x7e]{1,1024}$/.test(id))) throw handshakeRefused(culprit, 'the session id is not visible ASCII of at most 1024 characters');
    const session: LegacySession = { id, handshake, headers: { ...plainHeaders, 'mcp-protocol-version': handshake.protocolVersion, ...(id === undefined ? {} : { 'mcp-session-id': id }) } };
    const answer = await channel.send({ jsonrpc: '2.0', method: 'notifications/initialized' }, session.headers);
    if (answer.kind === 'not-sent') throw notSent(culprit, answer.cause);
    if (wantsLogLevel(handshake)) await channel.request('logging/setLevel', { level: 'debug' }, session.headers, SET_LEVEL_TIMEOUT_MS).catch(() => undefined);
    this.current = session;
    return session;
  }
}

/** The handshake that a server answered `initialize` with; throws why there is none. */
export function readHandshake({ culprit }: HttpChannel, reply: Awaited<ReturnType<HttpChannel['request']>>['reply']): Handshake {
  if ('error' in reply) throw handshakeRefused(culprit, `initialize was refused with error ${reply.error.code} ${quote(reply.error.message)}`, reply.error);
  const read = readInitializeResult(reply.result);
  if (!read.ok) throw handshakeRefused(culprit, read.reason);
  return read.handshake;
}

/** We take every level and leave it to each client's own level what it sees. */
export function wantsLogLevel({ capabilities }: Handshake): boolean {
  return isObject(capabilities['logging']);
}
