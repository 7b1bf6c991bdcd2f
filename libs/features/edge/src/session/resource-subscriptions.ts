import { Injectable } from '@nestjs/common';
import { quote, toLegacyError, type RequestMessage } from '@mcpgw/core-mcp-wire';
import type { CallRecord } from '../call-tool/call-record.js';
import type { Admitted } from '../call-tool/door.js';
import { Journal } from '../call-tool/journal.js';
import { refuseByProtocol, refuseOn200, type Refusal } from '../call-tool/refusal.js';
import { absentOf, type Wanted } from '../call-tool/wanted.js';
import { resultAnswer, type Answer } from '../http/answer.js';
import { canBeWatched } from '../requests/handshake.js';
import { WatchedResources } from './watched-resources.js';
import { Sessions } from './sessions.js';

const MAX_URI_CHARACTERS = 4_096;

/** `resources/subscribe` and `resources/unsubscribe` (MCP up to 2025-11-25): judged as reading the resource would be. */
@Injectable()
export class ResourceSubscriptions {
  constructor(
    private readonly resources: WatchedResources,
    private readonly sessions: Sessions,
    private readonly journal: Journal,
  ) {}

  async answer(admitted: Admitted, { id, method, params = {} }: RequestMessage, record: CallRecord): Promise<Answer | Refusal> {
    const { session } = admitted;
    const { uri } = params;
    if (!session) return refuseByProtocol(id, 200, { code: -32600, message: `${method} needs a session: initialize first.` });
    if (typeof uri !== 'string' || uri.length === 0 || uri.length > MAX_URI_CHARACTERS) return refuseByProtocol(id, 200, { code: -32602, message: `Invalid params: "uri" must be a string of at most ${MAX_URI_CHARACTERS} characters` });
    const watched = { route: record.route ?? '', uri };
    if (method === 'resources/unsubscribe') {
      await this.sessions.unwatch(session, watched);
      return resultAnswer(id, '{}');
    }
    const wanted = this.resources.wanted(admitted, uri);
    if (!wanted) return absent(id, params);
    this.journal.note(record, wanted);
    const refusal = await this.judged(admitted, id, params, wanted, record);
    if (refusal) return refusal;
    if (!(await this.sessions.watch(session, watched))) return refuseByProtocol(id, 200, { code: -32602, message: 'This session is subscribed to as many resources as it may be: unsubscribe from some.' });
    return resultAnswer(id, '{}');
  }

  private async judged({ principal }: Admitted, id: RequestMessage['id'], params: RequestMessage['params'], wanted: Wanted, record: CallRecord): Promise<Refusal | undefined> {
    const isVisible = this.resources.mayEver(principal, wanted);
    const { effect, ruleIds, bundleDigest, operatorReason, agentReason } = await this.resources.decide(principal, wanted);
    record.decision = { effect, ruleIds, bundleDigest, ...(operatorReason === undefined ? {} : { reason: operatorReason }) };
    if (effect === 'deny') return isVisible ? refuseOn200(id, 'permission_denied', agentReason ?? 'The policy of this gateway does not allow this call.') : absent(id, params ?? {});
    if (canBeWatched(wanted.destination.server)) return undefined;
    return refuseByProtocol(id, 200, { code: -32601, message: `Method not found: the server ${quote(wanted.destination.server.config.name)} does not tell of changes of its resources` });
  }
}

/** The same for what doesn't exist and for what this caller may not see. */
function absent(id: RequestMessage['id'], params: Readonly<Record<string, unknown>>): Refusal {
  const { message, uri } = absentOf('resources/read', params);
  return { ...refuseByProtocol(id, 200, toLegacyError('resources/read', { code: -32602, message, ...(uri === undefined ? {} : { data: { uri } }) })), code: 'not_found' };
}
