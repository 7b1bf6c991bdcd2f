import { Injectable } from '@nestjs/common';
import { carriedCapabilities, isLogLevel, isObject, LOG_LEVELS, MODERN_VERSIONS, negotiateLegacyVersion, type RequestMessage } from '@mcpgw/core-mcp-wire';
import type { CallRecord } from '../call-tool/call-record.js';
import type { Admitted } from '../call-tool/door.js';
import { refuse, refuseByProtocol, type Refusal } from '../call-tool/refusal.js';
import { resultAnswer, type Answer } from '../http/answer.js';
import { VisibleLists } from '../lists/visible-lists.js';
import { Sessions } from '../session/sessions.js';
import { capabilitiesOf, instructionsOf } from './handshake.js';
import { MODERN_TAIL, SERVER_INFO } from './server-info.js';

/** Also said of a GET of the HTTP+SSE transport, which begins a session too. */
export const TOO_MANY_SESSIONS = 'The gateway has as many sessions as it may, and all are in use. Try again.';

/** What client and gateway settle before anything else: `initialize` and what is set in its session; `server/discover`. */
@Injectable()
export class Handshakes {
  constructor(
    private readonly lists: VisibleLists,
    private readonly sessions: Sessions,
  ) {}

  discover({ endpoint, principal }: Admitted, { id }: RequestMessage): Answer {
    const instructions = instructionsOf(endpoint, principal, this.lists);
    const text = JSON.stringify({ supportedVersions: MODERN_VERSIONS, capabilities: capabilitiesOf(endpoint), ...(instructions === undefined ? {} : { instructions }) });
    return resultAnswer(id, text.slice(0, -1) + MODERN_TAIL);
  }

  async initialize({ endpoint, principal, subject, session: begun }: Admitted, { id, params }: RequestMessage, record: CallRecord): Promise<Answer | Refusal> {
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
      await this.sessions.introduce(begun, { protocolVersion, capabilities, ...(name === undefined ? {} : { name }) });
      return resultAnswer(id, result);
    }
    const session = this.sessions.begin({ subject, protocolVersion, clientName: name, capabilities });
    return session === undefined ? refuse(id, 'unavailable', TOO_MANY_SESSIONS) : resultAnswer(id, result, { 'mcp-session-id': session });
  }

  /** Without a session there is nothing that the level could be kept for. */
  async setLevel({ session }: Admitted, { id, params }: RequestMessage): Promise<Answer | Refusal> {
    const level = params?.['level'];
    if (!isLogLevel(level)) return refuseByProtocol(id, 200, { code: -32602, message: `Invalid params: "level" must be one of ${LOG_LEVELS.join(', ')}` });
    if (session) await this.sessions.setLogLevel(session, level);
    return resultAnswer(id, '{}');
  }
}
