import { GatewayError, type AskMethod, type UpstreamReply } from '@mcpgw/contracts';
import { errorResponse, isDeclaredAsk, type JsonObject, type RequestId, type RequestMessage, type RpcError } from '@mcpgw/core-mcp-wire';
import type { CallTimer } from './call-timer.js';

/** Asks the caller of one call. Aborting takes the question back. */
export type OnAsk = (method: AskMethod, params: Record<string, unknown>, signal: AbortSignal) => Promise<UpstreamReply>;

/** A call under way whose caller can be asked. */
export interface AskableCall {
  readonly onAsk: OnAsk;
  readonly timer: CallTimer;
  /** Questions so far, answered or not. */
  asked: number;
}

export interface AsksOptions {
  /** What was declared to the server: nothing else is ever asked. */
  readonly capabilities: () => JsonObject;
  readonly send: (response: object) => void;
  readonly redact: <Value>(value: Value) => Value;
}

interface OpenAsk {
  readonly call: AskableCall;
  readonly method: AskMethod;
  readonly params: JsonObject | undefined;
  readonly abort: AbortController;
}

const MAX_OPEN = 16;
const MAX_PER_CALL = 64;
const METHOD_NOT_FOUND = -32_601;
const INVALID_REQUEST = -32_600;
const INVALID_PARAMS = -32_602;
const INTERNAL_ERROR = -32_603;

/**
 * What a legacy server asks on its connection, and whom. A question carries no call: it belongs to the latest call under way that
 * can be asked. A connection to which anything is declared serves one caller alone: a wrong guess shows nobody what is another's.
 */
export class Asks {
  /** In the order in which they began. */
  private readonly calls = new Set<AskableCall>();
  private readonly underWay = new Map<RequestId, OpenAsk>();

  constructor(private readonly options: AsksOptions) {}

  get open(): number {
    return this.underWay.size;
  }

  /** The call that would be asked now. */
  get latest(): AskableCall | undefined {
    return [...this.calls].at(-1);
  }

  begin(call: AskableCall): void {
    this.calls.add(call);
  }

  /**
   * The call is over. A server that has answered it hardly waits for a question of it: what is open was another's, if there is
   * one, and is put to that. Anything else is refused.
   */
  end(call: AskableCall, isAnswered: boolean): void {
    if (!this.calls.delete(call)) return;
    const other = isAnswered ? this.latest : undefined;
    for (const [id, ask] of [...this.underWay]) {
      if (ask.call !== call) continue;
      const moves = other !== undefined && other.asked < MAX_PER_CALL;
      this.finish(id, moves ? undefined : failure('The call that this belongs to is over.'));
      if (moves) this.put(id, ask.method, ask.params, other);
    }
  }

  /** The server doesn't want the answer any more (`notifications/cancelled`). */
  cancelled(id: unknown): void {
    if (typeof id === 'string' || typeof id === 'number') this.finish(id, undefined);
  }

  /** Answers the request: now, when it can't be asked, or with what the caller says. */
  take({ id, method, params }: RequestMessage): void {
    const refused = this.refusal(id, method, params);
    const call = this.latest;
    if (refused !== undefined || call === undefined) return this.options.send(errorResponse(id, refused ?? { code: INTERNAL_ERROR, message: 'No call is under way whose caller could be asked.' }));
    this.put(id, method as AskMethod, params, call);
  }

  private put(id: RequestId, method: AskMethod, params: JsonObject | undefined, call: AskableCall): void {
    call.asked += 1;
    call.timer.pause();
    const abort = new AbortController();
    const ask: OpenAsk = { call, method, params, abort };
    this.underWay.set(id, ask);
    void this.answer(call, method, { ...params }, abort.signal).then((reply) => {
      // Given up meanwhile: it is answered, and another question may have its id by now.
      if (this.underWay.get(id) === ask) this.close(id, ask, reply);
    });
  }

  private refusal(id: RequestId, method: string, params: JsonObject | undefined): RpcError | undefined {
    const capabilities = this.options.capabilities();
    if (!isDeclaredAsk(capabilities, method, params)) {
      if (isDeclaredAsk(capabilities, method, {})) return { code: INVALID_PARAMS, message: `${method} needs what the client did not declare.` };
      return { code: METHOD_NOT_FOUND, message: `The gateway does not serve ${method.slice(0, 64)}.` };
    }
    if (this.underWay.has(id)) return { code: INVALID_REQUEST, message: 'Another question is open under this id.' };
    if (this.underWay.size >= MAX_OPEN) return { code: INTERNAL_ERROR, message: `${MAX_OPEN} questions are open, as many as may be at once.` };
    if ((this.latest?.asked ?? 0) >= MAX_PER_CALL) return { code: INTERNAL_ERROR, message: `The call has asked ${MAX_PER_CALL} questions, as many as one may.` };
    return undefined;
  }

  private async answer(call: AskableCall, method: AskMethod, params: Record<string, unknown>, signal: AbortSignal): Promise<UpstreamReply> {
    try {
      return await call.onAsk(method, this.options.redact(params), signal);
    } catch (error) {
      return failure(error instanceof GatewayError && error.code !== 'internal' ? error.message : 'The gateway failed to ask the client.');
    }
  }

  /** Without the caller's answer. */
  private finish(id: RequestId, reply: UpstreamReply | undefined): void {
    const ask = this.underWay.get(id);
    if (!ask) return;
    this.close(id, ask, reply);
    ask.abort.abort();
  }

  private close(id: RequestId, ask: OpenAsk, reply: UpstreamReply | undefined): void {
    this.underWay.delete(id);
    ask.call.timer.resume();
    if (reply) this.options.send({ jsonrpc: '2.0', id, ...reply });
  }
}

function failure(message: string): UpstreamReply {
  return { error: { code: INTERNAL_ERROR, message } };
}
