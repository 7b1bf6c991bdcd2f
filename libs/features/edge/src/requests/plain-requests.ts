import { Inject, Injectable } from '@nestjs/common';
import { carriedCapabilities, isLogLevel, isObject, isRequestId, LOG_LEVELS, META_SERVER_INFO, MODERN_VERSIONS, negotiateLegacyVersion, quote, type RequestMessage } from '@mcpgw/core-mcp-wire';
import { CLOCK, type Clock } from '@mcpgw/platform-runtime';
import type { CallRecord } from '../call-tool/call-record.js';
import type { Admitted } from '../call-tool/door.js';
import { refuse, refuseByProtocol, type Refusal } from '../call-tool/refusal.js';
import { requestKey } from '../call-tool/running-calls.js';
import { isGoverned } from '../call-tool/wanted.js';
import { hasSkills } from '../catalog/extensions.js';
import type { OfferKind } from '../catalog/offer.js';
import { ACCEPTED, resultAnswer, type Answer } from '../http/answer.js';
import { VisibleLists } from '../lists/visible-lists.js';
import { Sessions } from '../session/sessions.js';
import { ToolSearch } from '../tool-search/tool-search.js';
import { Cancellations } from './cancellations.js';
import { Cursors } from './cursors.js';
import { capabilitiesOf, instructionsOf } from './handshake.js';
import { SERVER_INFO } from './server-info.js';

const LISTS: Readonly<Record<string, OfferKind>> = { 'tools/list': 'tools', 'prompts/list': 'prompts', 'resources/list': 'resources', 'resources/templates/list': 'resourceTemplates', 'skills/list': 'skills' };

/** How long a modern client may keep what we showed it; short, because a change of policy should bite. */
const TTL_MS = 5_000;
const MODERN_META = JSON.stringify({ [META_SERVER_INFO]: SERVER_INFO });
const MODERN_TAIL = `,"resultType":"complete","ttlMs":${TTL_MS},"cacheScope":"private","_meta":${MODERN_META}}`;

/** Also said of a GET of the HTTP+SSE transport, which begins a session too. */
export const TOO_MANY_SESSIONS = 'The gateway has as many sessions as it may, and all are in use. Try again.';

/** What the gateway answers by itself, in both eras: handshakes, lists, pings, notifications. */
@Injectable()
export class PlainRequests {
  constructor(
    private readonly lists: VisibleLists,
    private readonly search: ToolSearch,
    private readonly sessions: Sessions,
    private readonly cancellations: Cancellations,
    private readonly cursors: Cursors,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  answer(admitted: Admitted, record: CallRecord): Answer | Refusal {
    const { message, era } = admitted;
    if (message.kind === 'response') return ACCEPTED;
    if (message.kind === 'notification') return this.notification(admitted, message.method, message.params);
    const list = Object.hasOwn(LISTS, message.method) ? LISTS[message.method] : undefined;
    if (list && (list !== 'skills' || admitted.endpoint.servers.some(hasSkills))) return this.list(admitted, message, list, record.route);
    if (this.search.serves(admitted, message)) return this.search.answer(admitted, message);
    if (era === 'modern') return message.method === 'server/discover' ? this.discover(admitted, message) : unknownMethod(message, 404);
    switch (message.method) {
      case 'initialize':
        return this.initialize(admitted, message, record);
      case 'ping':
        return resultAnswer(message.id, '{}');
      case 'logging/setLevel':
        return this.setLevel(admitted, message);
      default:
        return unknownMethod(message, 200);
    }
  }

  private list({ principal, subject, endpoint, era }: Admitted, { id, params }: RequestMessage, kind: OfferKind, route: string | undefined): Answer | Refusal {
    const given = params?.['cursor'];
    const cursor = this.cursors.take(given, subject, route, kind);
    const page = given === undefined || cursor !== undefined ? this.lists.list(principal, endpoint, kind).page(cursor) : undefined;
    if (!page) return refuseByProtocol(id, 200, { code: -32602, message: 'Invalid params: the cursor is not one of ours' });
    const next = page.nextCursor === undefined ? '' : `,"nextCursor":${JSON.stringify(this.cursors.give(page.nextCursor, subject, route, kind))}`;
    return resultAnswer(id, `{"${kind}":[${page.items}]${next}${era === 'modern' ? MODERN_TAIL : '}'}`);
  }

  private discover({ endpoint, principal }: Admitted, { id }: RequestMessage): Answer {
    const instructions = instructionsOf(endpoint, principal, this.lists);
    const text = JSON.stringify({ supportedVersions: MODERN_VERSIONS, capabilities: capabilitiesOf(endpoint), ...(instructions === undefined ? {} : { instructions }) });
    return resultAnswer(id, text.slice(0, -1) + MODERN_TAIL);
  }

  private initialize({ endpoint, principal, subject, session: begun }: Admitted, { id, params }: RequestMessage, record: CallRecord): Answer | Refusal {
    const protocolVersion = negotiateLegacyVersion(params?.['protocolVersion']);
    const clientInfo = params?.['clientInfo'];
    const name = isObject(clientInfo) && typeof clientInfo['name'] === 'string' ? clientInfo['name'].slice(0, 128) : undefined;
    const capabilities = carriedCapabilities(params?.['capabilities']);
    record.clientName = name;
    record.protocolVersion = protocolVersion;
    const instructions = instructionsOf(endpoint, principal, this.lists);
    const result = JSON.stringify({ protocolVersion, capabilities: capabilitiesOf(endpoint), serverInfo: SERVER_INFO, ...(instructions === undefined ? {} : { instructions }) });
    if (begun) {
      // An HTTP+SSE client: its stream is its session.
      this.sessions.introduce(begun, { protocolVersion, capabilities, ...(name === undefined ? {} : { name }) });
      return resultAnswer(id, result);
    }
    const session = this.sessions.begin({ subject, protocolVersion, clientName: name, capabilities }, this.clock.now());
    return session === undefined ? refuse(id, 'unavailable', TOO_MANY_SESSIONS) : resultAnswer(id, result, { 'mcp-session-id': session });
  }

  /** Without a session there is nothing that the level could be kept for. */
  private setLevel({ session }: Admitted, { id, params }: RequestMessage): Answer | Refusal {
    const level = params?.['level'];
    if (!isLogLevel(level)) return refuseByProtocol(id, 200, { code: -32602, message: `Invalid params: "level" must be one of ${LOG_LEVELS.join(', ')}` });
    if (session) this.sessions.setLogLevel(session, level);
    return resultAnswer(id, '{}');
  }

  private notification({ era, subject, session }: Admitted, method: string, params: Readonly<Record<string, unknown>> | undefined): Answer | Refusal {
    // A call that nobody waits for would run unseen; JSON-RPC gives it no answer, so it is refused as a request.
    if (isGoverned(method)) return refuse(null, 'invalid_request', `${quote(method)} needs an "id".`);
    const requestId = params?.['requestId'];
    if (method === 'notifications/cancelled' && era === 'legacy' && isRequestId(requestId)) this.cancellations.cancel(requestKey(subject, session?.id, requestId));
    return ACCEPTED;
  }
}

/** 404 is for the modern era, where the body tells it from a missing endpoint; a legacy client would take it for the end of its session. */
function unknownMethod({ id, method }: RequestMessage, http: 200 | 404): Refusal {
  return refuseByProtocol(id, http, { code: -32601, message: `Method not found: ${quote(method)}` });
}
