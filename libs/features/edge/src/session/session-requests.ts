import { Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { LEGACY_VERSIONS } from '@mcpgw/core-mcp-wire';
import { subjectOf } from '../authn/principal.js';
import type { CallRecord } from '../call-tool/call-record.js';
import { Door, type Recognised } from '../call-tool/door.js';
import { refuse, refuseByProtocol, type Refusal } from '../call-tool/refusal.js';
import { TOO_MANY_SESSIONS } from '../requests/handshakes.js';
import { lookOf } from './look.js';
import { NewsStreams } from './news-streams.js';
import { SseClients } from './sse-clients.js';
import { Sessions, type OpenSession } from './sessions.js';

interface Owner {
  readonly kind: 'owner';
  readonly recognised: Recognised;
  readonly subject: string;
  readonly session: OpenSession;
  readonly token: string;
}

const UNKNOWN_SESSION = refuse(null, 'not_found', 'Session not found: initialize again.');

/** GET and DELETE: only legacy clients have them (MCP up to 2025-11-25, transports). */
@Injectable()
export class SessionRequests {
  constructor(
    private readonly door: Door,
    private readonly sessions: Sessions,
    private readonly news: NewsStreams,
    private readonly sseClients: SseClients,
  ) {}

  /** Opens the stream of what the gateway has to say unasked, or goes on with one that broke off; `undefined` when it is open. */
  async open(request: FastifyRequest, reply: FastifyReply, record: CallRecord): Promise<Refusal | undefined> {
    if (isOldTransport(request)) return this.openOld(request, reply, record);
    const owner = await this.owner(request, record);
    if (owner.kind === 'refusal') return owner;
    if (!readsEvents(request)) return refuseByProtocol(null, 406, { code: -32600, message: 'Not acceptable: "Accept" must list text/event-stream' });
    const { route } = request.params as { readonly route?: string };
    const endpoint = owner.recognised.organization.endpoint(route);
    if (!endpoint) return refuse(null, 'not_found', 'There is no such route.');
    const { session, subject, token } = owner;
    const stillHolds = async (): Promise<boolean> => (await this.sessions.open(token, subject)) !== undefined;
    const look = lookOf(this.door, request.headers.authorization, route, subject, record, stillHolds);
    const lastEventId = request.headers['last-event-id'];
    const isOpen = await this.news.open(reply, { session, route, view: { principal: owner.recognised.principal, endpoint }, look }, token, typeof lastEventId === 'string' ? lastEventId : undefined);
    // An event id of another's session tells as little as a session id of another's.
    return isOpen ? undefined : UNKNOWN_SESSION;
  }

  /** Ends the session; `undefined` when that is done. */
  async end(request: FastifyRequest, record: CallRecord): Promise<Refusal | undefined> {
    const owner = await this.owner(request, record);
    if (owner.kind === 'refusal') return owner;
    await this.sessions.end(owner.session);
    return undefined;
  }

  private async openOld(request: FastifyRequest, reply: FastifyReply, record: CallRecord): Promise<Refusal | undefined> {
    const recognised = await this.door.recognise(request.headers.authorization, record);
    if (recognised.kind === 'refusal') return recognised;
    const { route } = request.params as { readonly route?: string };
    const endpoint = recognised.organization.endpoint(route);
    if (!endpoint) return refuse(null, 'not_found', 'There is no such route.');
    const subject = subjectOf(recognised.principal);
    const look = lookOf(this.door, request.headers.authorization, route, subject, record);
    const isOpen = await this.sseClients.open(request, reply, subject, { route, view: { principal: recognised.principal, endpoint }, look });
    return isOpen ? undefined : refuse(null, 'unavailable', TOO_MANY_SESSIONS);
  }

  private async owner(request: FastifyRequest, record: CallRecord): Promise<Owner | Refusal> {
    const recognised = await this.door.recognise(request.headers.authorization, record);
    if (recognised.kind === 'refusal') return recognised;
    const token = request.headers['mcp-session-id'];
    const version = request.headers['mcp-protocol-version'];
    if (typeof token !== 'string' || (typeof version === 'string' && !LEGACY_VERSIONS.includes(version))) {
      const refusal = refuseByProtocol(null, 405, { code: -32600, message: 'Only POST is served without a session of an older protocol version.' });
      return { ...refusal, answer: { ...refusal.answer, headers: { allow: 'POST' } } };
    }
    const subject = subjectOf(recognised.principal);
    const session = await this.sessions.open(token, subject);
    return session ? { kind: 'owner', recognised, subject, session, token } : UNKNOWN_SESSION;
  }
}

/** A client of 2024-11-05 begins with a GET; later ones send one only in a session or with their version. */
function isOldTransport({ method, headers }: FastifyRequest): boolean {
  return method === 'GET' && headers['mcp-session-id'] === undefined && headers['mcp-protocol-version'] === undefined && /text\/event-stream/i.test(headers.accept ?? '');
}

function readsEvents({ headers }: FastifyRequest): boolean {
  return /text\/event-stream|\*\/\*/i.test(headers.accept ?? '');
}
