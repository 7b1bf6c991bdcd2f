import { Injectable } from '@nestjs/common';
import { GatewayError, toGatewayError, type EntryId, type UpstreamReply } from '@mcpgw/contracts';
import type { RequestMessage } from '@mcpgw/core-mcp-wire';
import { errorAnswer, resultAnswer, rpcErrorOf, type Answer } from '../http/answer.js';
import type { Exchange } from '../http/exchange.js';
import { PlainRequests } from '../requests/plain-requests.js';
import type { CallRecord } from './call-record.js';
import { Door, type Admitted } from './door.js';
import { Invoker } from './invoker.js';
import { Journal } from './journal.js';
import { Judge } from './judge.js';
import { paramHeaderFault } from './param-headers.js';
import { refuse, refuseByProtocol, refuseOn200, type Refusal } from './refusal.js';
import { requestKey } from './running-calls.js';
import { errorFor, resultFor } from './translate-back.js';
import { absentOf, governedMethod, resolve, type Absent, type GovernedMethod, type Wanted } from './wanted.js';

/**
 * The way of one POST, top to bottom: nine steps, in the order of ARCHITECTURE.md, except that the caller is recognised (2)
 * before the body is parsed (1). Shared by tools/call, resources/read, prompts/get and completion/complete.
 *
 * Invariant: a request leaves exactly one terminal entry, and one that reaches an upstream an intent before it. Whatever can't
 * be written down is not done.
 */
@Injectable()
export class CallTool {
  constructor(
    private readonly door: Door,
    private readonly judge: Judge,
    private readonly invoker: Invoker,
    private readonly journal: Journal,
    private readonly requests: PlainRequests,
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
    const method = message.kind === 'request' ? governedMethod(message, admitted.endpoint) : undefined;
    if (message.kind === 'request' && method !== undefined) return this.call(exchange, record, admitted, message, method);
    // Lists, handshakes and the like never leave the gateway.
    const answer = this.requests.answer(admitted, record);
    if ('kind' in answer || message.kind !== 'request') return answer;
    return this.journal.answered(record, answer);
  }

  private async call(exchange: Exchange, record: CallRecord, admitted: Admitted, { id, params = {} }: RequestMessage, method: GovernedMethod): Promise<Answer | Refusal> {
    const { principal, organization, endpoint, era } = admitted;

    // 3. Where does it lead?
    const resolution = resolve(method, params, endpoint);
    if ('malformed' in resolution) return refuseByProtocol(id, 200, { code: -32602, message: `Invalid params: ${resolution.malformed}` });
    if ('absent' in resolution) return absent(admitted, id, method, resolution.absent);
    const { wanted } = resolution;
    this.journal.note(record, wanted);

    // 4. Is there something left of its limits? What the caller may not see is not counted: a limit would show that it exists.
    const visible = this.judge.mayEver(principal, wanted);
    const mismatch = visible && era === 'modern' ? paramHeaderFault(wanted, (name) => exchange.header(name)) : undefined;
    if (mismatch) return refuseByProtocol(id, 400, mismatch);
    const spent = this.judge.spend(organization, principal, wanted, visible);
    if (!spent.allowed) return refuse(id, 'rate_limited', spent.message, spent.headers, { retryAfterMs: spent.retryAfterMs });

    // 5. May this principal do this with these arguments?
    const decision = await this.judge.decide(principal, wanted);
    record.decision = { effect: decision.effect, ruleIds: decision.ruleIds, bundleDigest: decision.bundleDigest, ...(decision.operatorReason === undefined ? {} : { reason: decision.operatorReason }) };
    if (decision.effect === 'deny') {
      return visible ? refuseOn200(id, 'permission_denied', decision.agentReason ?? 'The policy of this gateway does not allow this call.') : absent(admitted, id, method, absentOf(method, params));
    }

    // 6. Written down before it is done, as safely as the organization asks.
    const intentId = await this.journal.intent(record, organization.regulated);

    // 7. The one trip.
    const key = requestKey(admitted.subject, admitted.session?.id, id);
    const reply = await this.invoker.invoke({ exchange, record, admitted, method, wanted, key }).catch((thrown: unknown) => ({ thrown }));

    // 8 and 9. In the caller's names and words, and how it ended.
    return this.end(record, intentId, admitted, id, method, wanted, params, reply, spent.headers);
  }

  private end(
    record: CallRecord,
    intentId: EntryId,
    { endpoint, era }: Admitted,
    id: RequestMessage['id'],
    method: GovernedMethod,
    wanted: Wanted,
    params: Readonly<Record<string, unknown>>,
    reply: UpstreamReply | { readonly thrown: unknown },
    headers: Readonly<Record<string, string>>,
  ): Answer {
    const failed = (thrown: unknown): Answer => {
      const fault = toGatewayError(thrown);
      const answer = errorAnswer(id, 200, rpcErrorOf(fault), headers);
      this.journal.outcome(record, intentId, answer, record.outcome('error', fault.code, bytesOf(answer)), fault);
      return answer;
    };
    if ('thrown' in reply) return failed(reply.thrown);
    if ('error' in reply) {
      const error = errorFor(era, method, reply.error, params);
      const answer = errorAnswer(id, 200, error, headers);
      this.journal.outcome(record, intentId, answer, record.outcome('error', String(error.code), bytesOf(answer)));
      return answer;
    }
    let text: string;
    try {
      text = JSON.stringify(resultFor(era, method, endpoint, wanted, reply.result));
    } catch (cause) {
      // Nested deeper than the stack: the call has run, so it must end here and not as a fault before it.
      return failed(new GatewayError('upstream_lost', `The server "${wanted.destination.server.config.name}" answered with something that can't be passed on.`, { cause }));
    }
    const answer = resultAnswer(id, text, headers);
    this.journal.outcome(record, intentId, answer, record.outcome(reply.result['isError'] === true ? 'tool_error' : 'ok', undefined, bytesOf(answer), text));
    return answer;
  }
}

/** The same answer for what doesn't exist and for what this caller may not see. */
function absent({ era }: Admitted, id: RequestMessage['id'], method: GovernedMethod, { message, uri, isMethod }: Absent): Refusal {
  if (isMethod) return { ...refuseByProtocol(id, era === 'modern' ? 404 : 200, { code: -32601, message }), code: 'not_found' };
  const error = { code: -32602, message, ...(uri === undefined ? {} : { data: { uri } }) };
  return { ...refuseByProtocol(id, 200, era === 'legacy' ? errorFor('legacy', method, error, {}) : error), code: 'not_found' };
}

function bytesOf(answer: Answer): number {
  return answer.body === undefined ? 0 : Buffer.byteLength(answer.body);
}
