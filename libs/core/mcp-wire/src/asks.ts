import { ASK_METHODS, type AskMethod } from '@mcpgw/contracts';
import { isObject, type JsonObject, type RpcError } from './json-rpc.js';
import { metaOf } from './envelope.js';

/** Methods whose result may ask for more input instead (MCP 2026-07-28, basic/patterns/mrtr). */
const INTERACTIVE: ReadonlySet<string> = new Set(['tools/call', 'prompts/get', 'resources/read']);

/** Asks of one result that are looked at; a server with more is refused. */
const MAX_ASKS = 64;
export const MAX_ASK_KEY_CHARACTERS = 256;

export function mayAskForInput(method: string): boolean {
  return INTERACTIVE.has(method);
}

/** One question of a server to the client of a call. */
export interface Ask {
  readonly method: AskMethod;
  readonly params: JsonObject;
}

/** A result of type `input_required`. At least one of the two is there. */
export interface InputRequired {
  readonly asks: ReadonlyMap<string, Ask>;
  readonly requestState: string | undefined;
}

export function resultTypeOf(result: JsonObject): string {
  const { resultType } = result;
  return typeof resultType === 'string' ? resultType : 'complete';
}

/** Reads an `input_required` result, or the `inputRequests` of a task; the text says what is wrong with it. Never throws. */
export function readInputRequired(result: JsonObject): InputRequired | string {
  const { inputRequests, requestState } = result;
  if (requestState !== undefined && typeof requestState !== 'string') return 'its "requestState" is not a string';
  if (inputRequests === undefined && requestState === undefined) return 'it asks for nothing and gives no state';
  if (inputRequests !== undefined && !isObject(inputRequests)) return 'its "inputRequests" are not an object';
  const entries = Object.entries(inputRequests ?? {});
  if (entries.length > MAX_ASKS) return `it asks more than ${MAX_ASKS} things at once`;
  const asks = new Map<string, Ask>();
  for (const [key, ask] of entries) {
    if (key.length > MAX_ASK_KEY_CHARACTERS) return 'a key of its "inputRequests" is too long';
    if (!isObject(ask) || !isAskMethod(ask['method'])) return 'it asks something that no client can answer';
    const { params = {} } = ask;
    if (!isObject(params)) return 'the params of what it asks are not an object';
    asks.set(key, { method: ask['method'], params });
  }
  return { asks, requestState };
}

export function isAskMethod(method: unknown): method is AskMethod {
  return (ASK_METHODS as readonly unknown[]).includes(method);
}

/**
 * What a legacy server pushed, as a member of `inputRequests`. Progress of the answer and `elicitationId` belong to the pushing
 * era: there is nobody to send the one to, and no notification that would use the other.
 */
export function askForModern({ method, params }: Ask): JsonObject {
  const { elicitationId: _elicitationId, ...rest } = params;
  return { method, params: withoutProgressToken(rest) };
}

/** What a modern server asks by its result, as a request to a legacy client: URL elicitations have an id there (MCP 2025-11-25). */
export function askForLegacy({ method, params }: Ask, elicitationId: string): JsonObject {
  const kept = withoutProgressToken(params);
  return method === 'elicitation/create' && kept['mode'] === 'url' && kept['elicitationId'] === undefined ? { ...kept, elicitationId } : kept;
}

/** A question of one of several servers says which of them asks: what it wants to know is told to that server alone. */
export function askInTheNameOf(server: string, { method, params }: Ask): Ask {
  const { message } = params;
  return method === 'elicitation/create' && typeof message === 'string' ? { method, params: { ...params, message: `${server}: ${message}` } } : { method, params };
}

/** The error of 2025-11-25 that sends the user to URLs before the same request is made again; must not be sent since. */
const URL_ELICITATION_REQUIRED = -32042;

/** What such an error asks for, under the server's own ids; `undefined` for any other error. */
export function urlElicitationsOf({ code, data }: RpcError): ReadonlyMap<string, Ask> | undefined {
  const elicitations = code === URL_ELICITATION_REQUIRED && isObject(data) ? data['elicitations'] : undefined;
  if (!Array.isArray(elicitations)) return undefined;
  const asks = new Map<string, Ask>();
  for (const params of elicitations.slice(0, MAX_ASKS) as unknown[]) {
    if (!isObject(params) || params['mode'] !== 'url' || typeof params['url'] !== 'string') continue;
    const { elicitationId: id } = params;
    asks.set(typeof id === 'string' && id.length <= MAX_ASK_KEY_CHARACTERS ? id : `ask-${asks.size + 1}`, { method: 'elicitation/create', params });
  }
  return asks.size === 0 ? undefined : asks;
}

/** What a client's answer that is an error means in an era that has only results: it declined to say. */
export function declinedAnswer(method: AskMethod): JsonObject | undefined {
  return method === 'elicitation/create' ? { action: 'cancel' } : undefined;
}

function withoutProgressToken(params: JsonObject): JsonObject {
  const meta = metaOf(params);
  if (meta === undefined || !('progressToken' in meta)) return params;
  const { progressToken: _progressToken, ...kept } = meta;
  const { _meta, ...rest } = params;
  return Object.keys(kept).length === 0 ? rest : { ...rest, _meta: kept };
}
