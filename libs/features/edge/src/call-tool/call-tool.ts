import { Injectable } from '@nestjs/common';
import { isTaskMethod, type RequestMessage } from '@mcpgw/core-mcp-wire';
import { Bridge, invalidState } from '../bridge/bridge.js';
import type { Answer } from '../http/answer.js';
import type { Exchange } from '../http/exchange.js';
import type { CallRecord } from './call-record.js';
import { Door, type Admitted } from './door.js';
import { Journal } from './journal.js';
import { Judge } from './judge.js';
import { OtherRequests } from './other-requests.js';
import { paramHeaderFault } from './param-headers.js';
import { refuse, refuseByProtocol, refuseOn200, type Refusal } from './refusal.js';
import { requestKey } from './running-calls.js';
import { errorFor } from './translate-back.js';
import { absentOf, governedMethod, resolve, type Absent, type GovernedMethod } from './wanted.js';

/**
 * The way of one POST, top to bottom: nine steps, in the order of ARCHITECTURE.md, except that the caller is recognised (2)
 * before the body is parsed (1). Shared by tools/call, resources/read, prompts/get and completion/complete.
 *
 * Invariant: a call leaves exactly one terminal entry, and one that reaches an upstream an intent before it. Whatever can't be
 * written down is not done. A call may take several requests when its server asks for more (bridge/); those are no calls.
 */
@Injectable()
export class CallTool {
  constructor(
    private readonly door: Door,
    private readonly judge: Judge,
    private readonly journal: Journal,
    private readonly bridge: Bridge,
    private readonly others: OtherRequests,
  ) {}

  /** Never rejects. */
  async handle(exchange: Exchange): Promise<Answer> {
    const record = this.journal.open(exchange.address, exchange.body.length, exchange.route);
    try {
      const end = await this.admit(exchange, record);
      return 'kind' in end ? await this.journal.refused(record, end) : end;
    } catch (thrown) {
      return this.journal.failed(record, thrown);
    }
  }

  private async admit(exchange: Exchange, record: CallRecord): Promise<Answer | Refusal> {
    this.journal.requireRoom();
    // 2. Who asks?
    const caller = await this.door.recognise(exchange.header('authorization'), record);
    if (caller.kind === 'refusal') return caller;
    // 1. What exactly do they say?
    const admitted = await this.door.read(exchange, caller, record);
    if (admitted.kind === 'refusal') return admitted;
    const { message } = admitted;
    if (message.kind !== 'request' || isTaskMethod(message.method)) return this.others.handle(exchange, record, admitted);
    const method = governedMethod(message, admitted.endpoint);
    return method === undefined ? this.others.handle(exchange, record, admitted) : this.call(exchange, record, admitted, message, method);
  }

  private async call(exchange: Exchange, record: CallRecord, admitted: Admitted, { id, params = {} }: RequestMessage, method: GovernedMethod): Promise<Answer | Refusal> {
    const { principal, organization, endpoint, era } = admitted;

    // 3. Where does it lead?
    const resolution = resolve(method, params, endpoint);
    if ('malformed' in resolution) return refuseByProtocol(id, 200, { code: -32602, message: `Invalid params: ${resolution.malformed}` });
    if ('absent' in resolution) return absent(admitted, id, method, resolution.absent);
    this.journal.note(record, resolution.wanted);
    const entering = this.bridge.enter(admitted, method, resolution.wanted);
    if (entering.kind === 'invalid') return invalidState(id);
    const { wanted } = entering.kind === 'flow' ? resolution : entering;

    // 4. Is there something left of its limits? What the caller may not see is not counted: a limit would show that it exists.
    const visible = this.judge.mayEver(principal, wanted);
    const mismatch = visible && era === 'modern' ? paramHeaderFault(wanted, (name) => exchange.header(name)) : undefined;
    if (mismatch) return refuseByProtocol(id, 400, mismatch);
    // A call is counted when it begins; going on with one that is held open reaches no server anew.
    const spent = this.judge.spend(organization, principal, wanted, visible && entering.kind !== 'flow');
    if (!spent.allowed) return refuse(id, 'rate_limited', spent.message, spent.headers, { retryAfterMs: spent.retryAfterMs });

    // 5. May this principal do this with these arguments?
    const decision = await this.judge.decide(principal, wanted);
    record.decision = { effect: decision.effect, ruleIds: decision.ruleIds, bundleDigest: decision.bundleDigest, ...(decision.operatorReason === undefined ? {} : { reason: decision.operatorReason }) };
    if (decision.effect === 'deny') {
      if (entering.kind !== 'first') return invalidState(id);
      return visible ? refuseOn200(id, 'permission_denied', decision.agentReason ?? 'The policy of this gateway does not allow this call.') : absent(admitted, id, method, absentOf(method, params, wanted));
    }

    if (entering.kind === 'flow') return this.bridge.resume(record, { exchange, admitted, id, params, key: requestKey(admitted.subject, undefined, id), wanted }, entering);

    // 6. Written down before it is done, as safely as the organization asks.
    const intentId = await this.journal.intent(record, organization.regulated);

    // 7, 8 and 9. The one trip, in the names and words of both sides, and how it ended.
    const key = requestKey(admitted.subject, admitted.session?.id, id);
    return this.bridge.cross({ exchange, record, admitted, id, method, wanted, params, key, intentId, headers: spent.headers });
  }
}

/** The same answer for what doesn't exist and for what this caller may not see. */
function absent({ era }: Admitted, id: RequestMessage['id'], method: GovernedMethod, { message, uri, isMethod }: Absent): Refusal {
  if (isMethod) return { ...refuseByProtocol(id, era === 'modern' ? 404 : 200, { code: -32601, message }), code: 'not_found' };
  const error = { code: -32602, message, ...(uri === undefined ? {} : { data: { uri } }) };
  return { ...refuseByProtocol(id, 200, era === 'legacy' ? errorFor('legacy', method, error, {}) : error), code: 'not_found' };
}
