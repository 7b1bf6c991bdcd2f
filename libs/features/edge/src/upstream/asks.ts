import type { AskMethod, UpstreamReply } from '@mcpgw/contracts';
import { isDeclaredAsk, isRequestId, type JsonObject, type RequestId } from '@mcpgw/core-mcp-wire';
import type { RunningCall } from './running-call.js';

/** Questions open at once on one session; more are refused. */
const MAX_OPEN = 16;
/** Questions in all during one call: a server that asks in a loop holds its call open no longer than this. */
const MAX_PER_CALL = 64;
/** Refusals and pongs under way at once; a flood of requests beyond them is ignored. What a client has answered is always sent. */
const MAX_REFUSALS = 16;

const METHOD_NOT_FOUND = -32601;
const INTERNAL_ERROR = -32603;

/** Sends a response on the session; true once it may have arrived. */
export type SendAnswer = (message: object) => Promise<boolean>;

/** What a legacy server asks in the middle of a call: handed to that call's client, the answer taken back. */
export class Asks {
  readonly #capabilities: JsonObject;
  readonly #send: SendAnswer;
  readonly #open = new Map<RequestId, { readonly running: RunningCall; withdraw(reply?: UpstreamReply): void }>();
  #refusing = 0;

  /** `capabilities`: declared to this server at `initialize`. What was not declared never reaches a client. */
  constructor(capabilities: JsonObject, send: SendAnswer) {
    this.#capabilities = capabilities;
    this.#send = send;
  }

  /** A request of the server. `running` is the call that it belongs to, if any. */
  request(id: unknown, method: string, params: JsonObject | undefined, running: RunningCall | undefined): void {
    if (!isRequestId(id) || this.#open.has(id)) return;
    if (method === 'ping') return this.#atOnce(id, { result: {} });
    if (!isDeclaredAsk(this.#capabilities, method, params)) return this.#refuse(id, METHOD_NOT_FOUND, 'Method not found: the client has not declared that it can be asked this');
    if (running?.call.onAsk === undefined) return this.#refuse(id, INTERNAL_ERROR, 'No call is under way whose client could be asked');
    if (this.#open.size >= MAX_OPEN || running.asks >= MAX_PER_CALL) return this.#refuse(id, INTERNAL_ERROR, 'Too many questions at once, or during one call');
    void this.#ask(id, method, params, running, running.call.onAsk);
  }

  /** The server takes its question back: it is not answered any more. */
  withdraw(id: unknown): void {
    if (isRequestId(id)) this.#open.get(id)?.withdraw();
  }

  /** The call is over: the server must not wait for what nobody will answer. */
  end(running: RunningCall): void {
    if (running.asks === 0) return;
    for (const ask of this.#open.values()) if (ask.running === running) ask.withdraw({ error: { code: INTERNAL_ERROR, message: 'The call has ended' } });
  }

  async #ask(id: RequestId, method: AskMethod, params: JsonObject | undefined, running: RunningCall, onAsk: NonNullable<RunningCall['call']['onAsk']>): Promise<void> {
    running.asks += 1;
    running.deadline.pause();
    const gone = new AbortController();
    const withdrawn = new Promise<UpstreamReply | undefined>((resolve) => {
      const withdraw = (reply?: UpstreamReply): void => {
        resolve(reply);
        gone.abort();
      };
      this.#open.set(id, { running, withdraw });
    });
    let reply: UpstreamReply | undefined;
    try {
      reply = await Promise.race([onAsk(method, { ...params }, gone.signal), withdrawn]);
    } catch {
      reply = { error: { code: INTERNAL_ERROR, message: 'The client gave no answer' } };
    }
    this.#open.delete(id);
    running.deadline.resume();
    if (reply !== undefined) await this.#deliver(id, reply);
  }

  #refuse(id: RequestId, code: number, message: string): void {
    this.#atOnce(id, { error: { code, message } });
  }

  #atOnce(id: RequestId, reply: UpstreamReply): void {
    if (this.#refusing >= MAX_REFUSALS) return;
    this.#refusing += 1;
    void this.#deliver(id, reply).finally(() => (this.#refusing -= 1));
  }

  /** Once more when it provably did not arrive: a person may have taken minutes to answer. Never rejects. */
  async #deliver(id: RequestId, reply: UpstreamReply): Promise<void> {
    try {
      for (let attempt = 1; attempt <= 2; attempt += 1) if (await this.#send({ jsonrpc: '2.0', id, ...reply })) return;
    } catch {
      // An answer nested too deeply to be written down.
      if (!('error' in reply)) await this.#deliver(id, { error: { code: INTERNAL_ERROR, message: 'The answer of the client can not be passed on' } });
    }
  }
}
