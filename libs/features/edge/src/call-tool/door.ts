import { Inject, Injectable } from '@nestjs/common';
import type { Era } from '@mcpgw/contracts';
import { ASSUMED_LEGACY_VERSION, classifyHttp, parseStrict, quote, readMessage, traceparentOf, type Envelope, type NotificationMessage, type RequestMessage, type ResponseMessage } from '@mcpgw/core-mcp-wire';
import { CLOCK, type Clock } from '@mcpgw/platform-runtime';
import { Authenticator } from '../authn/authenticator.js';
import { subjectOf, type Principal } from '../authn/principal.js';
import { Catalog } from '../catalog/catalog.js';
import type { Endpoint } from '../catalog/endpoint.js';
import type { OrganizationCatalog } from '../catalog/organization-catalog.js';
import { EDGE_CONFIG, type EdgeConfig } from '../edge.config.js';
import type { Exchange } from '../http/exchange.js';
import { Sessions, type OpenSession } from '../session/sessions.js';
import type { CallRecord } from './call-record.js';
import { refuse, refuseByProtocol, type Refusal } from './refusal.js';

/** One well-formed message of a known principal to an endpoint that exists. */
export interface Admitted {
  readonly kind: 'admitted';
  readonly principal: Principal;
  readonly subject: string;
  readonly organization: OrganizationCatalog;
  readonly endpoint: Endpoint;
  readonly message: RequestMessage | NotificationMessage | ResponseMessage;
  readonly era: Era;
  readonly protocolVersion: string;
  /** Of a modern request. */
  readonly envelope: Envelope | undefined;
  /** Of a legacy client that keeps one. */
  readonly session: OpenSession | undefined;
}

/** What a caller was recognised as, before its message is looked at. */
export interface Recognised {
  readonly kind: 'recognised';
  readonly principal: Principal;
  readonly organization: OrganizationCatalog;
}

/** Steps 1 and 2 of a call: who asks, and what exactly do they say? Strangers come first, so that nobody unknown has a body parsed. */
@Injectable()
export class Door {
  constructor(
    @Inject(EDGE_CONFIG) private readonly config: EdgeConfig,
    @Inject(CLOCK) private readonly clock: Clock,
    private readonly authenticator: Authenticator,
    private readonly catalog: Catalog,
    private readonly sessions: Sessions,
  ) {}

  /** Step 2. */
  async recognise(authorization: string | undefined, record: CallRecord): Promise<Recognised | Refusal> {
    const attempt = this.authenticator.authenticate(authorization);
    const authentication = 'then' in attempt ? await attempt : attempt;
    const organization = 'principal' in authentication ? this.catalog.view.organization(authentication.principal.organization) : undefined;
    if ('problem' in authentication || !organization) {
      record.decision = { effect: 'deny', ruleIds: [], bundleDigest: '', reason: 'problem' in authentication ? authentication.problem.slice(0, 256) : 'the organization is gone' };
      return refuse(null, 'unauthenticated', 'Send a valid key or token: Authorization: Bearer <key>.');
    }
    record.recognise(authentication.principal);
    return { kind: 'recognised', principal: authentication.principal, organization };
  }

  /** Step 1. */
  async read(exchange: Exchange, { principal, organization }: Recognised, record: CallRecord): Promise<Admitted | Refusal> {
    const parsed = this.parse(exchange);
    if (parsed.kind === 'refusal') return parsed;
    const { message } = parsed;
    const id = message.kind === 'request' ? message.id : null;
    if (message.kind !== 'response') record.method = message.method;
    record.requestId = id;
    const sessionId = exchange.sessionToken;
    const classified = classifyHttp({
      headers: { protocolVersion: exchange.header('mcp-protocol-version'), method: exchange.header('mcp-method'), name: exchange.header('mcp-name'), sessionId, accept: exchange.header('accept') },
      message,
    });
    if (classified.kind === 'reject') return refuseByProtocol(id, classified.httpStatus, classified.error);
    const endpoint = organization.endpoint(exchange.route);
    if (!endpoint) return refuse(id, 'not_found', `There is no route ${quote(exchange.route ?? '')}.`);
    const subject = subjectOf(principal);
    const era: Era = classified.kind === 'legacy' ? 'legacy' : 'modern';
    let session: OpenSession | undefined;
    // The session of an HTTP+SSE client is its stream, which is there before it initializes.
    if (classified.kind === 'legacy' && sessionId !== undefined && (record.method !== 'initialize' || exchange.streamSession !== undefined)) {
      const opened = this.sessions.open(sessionId, subject, this.clock.now());
      // Waits only for a session that this edge has never heard of.
      session = opened instanceof Promise ? await opened : opened;
      if (!session) return refuse(id, 'not_found', 'Session not found: initialize again.');
      exchange.inSession(session, this.sessions.hold(session));
    }
    const envelope = classified.kind === 'modern' ? classified.envelope : undefined;
    const claimed = classified.kind === 'modern' ? classified.envelope.protocolVersion : classified.protocolVersion;
    const protocolVersion = claimed ?? session?.protocolVersion ?? ASSUMED_LEGACY_VERSION;
    record.era = era;
    record.protocolVersion = protocolVersion;
    record.clientName = envelope?.clientInfo?.name ?? session?.clientName;
    record.traceparent = message.kind === 'request' ? traceparentOf(message.params) : undefined;
    return { kind: 'admitted', principal, subject, organization, endpoint, message, era, protocolVersion, envelope, session };
  }

  private parse(exchange: Exchange): Refusal | { readonly kind: 'parsed'; readonly message: RequestMessage | NotificationMessage | ResponseMessage } {
    if (!/^application\/json\s*(;|$)/i.test(exchange.header('content-type') ?? '')) return refuseByProtocol(null, 415, { code: -32600, message: 'Content-Type must be application/json.' });
    const encoding = exchange.header('content-encoding');
    if (encoding !== undefined && encoding.toLowerCase() !== 'identity') return refuseByProtocol(null, 415, { code: -32600, message: 'Content-Encoding is not supported: send the body as it is.' });
    const json = parseStrict(exchange.body, { maxBytes: this.config.maxBodyBytes, maxDepth: this.config.maxDepth });
    if (!json.ok) return refuseByProtocol(null, json.code === 'too_large' ? 413 : 400, { code: json.code === 'invalid_json' || json.code === 'invalid_utf8' ? -32700 : -32600, message: `The body is refused: ${json.message}` });
    const message = readMessage(json.value);
    if (message.kind === 'batch') return refuseByProtocol(null, 400, { code: -32600, message: 'Batches are not supported: send one message per request.' });
    if (message.kind === 'invalid') return refuseByProtocol(message.id, 400, { code: -32600, message: `Invalid request: ${message.reason}` });
    return { kind: 'parsed', message };
  }
}
