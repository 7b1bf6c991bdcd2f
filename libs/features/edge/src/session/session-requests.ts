import { Inject, Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { LEGACY_VERSIONS } from '@mcpgw/core-mcp-wire';
import { CLOCK, type Clock } from '@mcpgw/platform-runtime';
import { subjectOf } from '../authn/principal.js';
import type { CallRecord } from '../call-tool/call-record.js';
import { Door, type Recognised } from '../call-tool/door.js';
import { refuse, refuseByProtocol, type Refusal } from '../call-tool/refusal.js';
import { EDGE_CONFIG, type EdgeConfig } from '../edge.config.js';
import { EventStream } from '../http/event-stream.js';
import { ChangeStreams } from './change-streams.js';
import type { Session } from './session-seal.js';
import { Sessions } from './sessions.js';

interface Owner {
  readonly kind: 'owner';
  readonly recognised: Recognised;
  readonly subject: string;
  readonly session: Session;
  readonly token: string;
}

/** GET and DELETE: only legacy sessions have them (MCP 2025-11-25, transports). */
@Injectable()
export class SessionRequests {
  constructor(
    @Inject(EDGE_CONFIG) private readonly config: EdgeConfig,
    @Inject(CLOCK) private readonly clock: Clock,
    private readonly door: Door,
    private readonly sessions: Sessions,
    private readonly streams: ChangeStreams,
  ) {}

  /** Opens the stream of what the gateway has to say unasked; `undefined` when it is open. */
  async open(request: FastifyRequest, reply: FastifyReply, record: CallRecord): Promise<Refusal | undefined> {
    const owner = await this.owner(request, record);
    if (owner.kind === 'refusal') return owner;
    if (!/text\/event-stream|\*\/\*/i.test(request.headers.accept ?? '')) return refuseByProtocol(null, 406, { code: -32600, message: 'Not acceptable: "Accept" must list text/event-stream' });
    const { authorization } = request.headers;
    const { route } = request.params as { readonly route?: string };
    const endpoint = owner.recognised.organization.endpoint(route);
    if (!endpoint) return refuse(null, 'not_found', 'There is no such route.');
    reply.hijack();
    const stream = new EventStream(reply.raw, this.config.keepAliveSeconds * 1_000, { 'mcp-session-id': owner.token });
    const remove = this.streams.add({ subject: owner.subject, session: owner.session.id, principal: owner.recognised.principal, endpoint }, stream, () => this.look(authorization, route, owner, record));
    reply.raw.once('close', remove);
    return undefined;
  }

  /** Ends the session; `undefined` when that is done. */
  async end(request: FastifyRequest, record: CallRecord): Promise<Refusal | undefined> {
    const owner = await this.owner(request, record);
    if (owner.kind === 'refusal') return owner;
    this.sessions.end(owner.session);
    this.streams.endSession(owner.session.id);
    return undefined;
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
    const session = await this.sessions.open(token, subject, this.clock.now());
    return session ? { kind: 'owner', recognised, subject, session, token } : refuse(null, 'not_found', 'Session not found: initialize again.');
  }

  /** What the owner sees now: the credential is proven again each time, and a session that ended elsewhere is found out by its age at least. */
  private async look(authorization: string | undefined, route: string | undefined, owner: Owner, record: CallRecord): ReturnType<Parameters<ChangeStreams['add']>[2]> {
    const recognised = await this.door.recognise(authorization, record);
    if (recognised.kind === 'refusal' || subjectOf(recognised.principal) !== owner.subject) return undefined;
    if (!(await this.sessions.open(owner.token, owner.subject, this.clock.now()))) return undefined;
    const endpoint = recognised.organization.endpoint(route);
    return endpoint && { principal: recognised.principal, endpoint };
  }
}
