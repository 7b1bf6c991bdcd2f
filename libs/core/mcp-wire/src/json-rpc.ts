/** JSON-RPC 2.0 as MCP uses it: ids are strings or integers, params are objects, batches don't exist. */

export type JsonObject = Readonly<Record<string, unknown>>;
export type RequestId = string | number;

export interface RequestMessage {
  readonly kind: 'request';
  readonly id: RequestId;
  readonly method: string;
  readonly params: JsonObject | undefined;
}

export interface NotificationMessage {
  readonly kind: 'notification';
  readonly method: string;
  readonly params: JsonObject | undefined;
}

export interface RpcError {
  readonly code: number;
  readonly message: string;
  readonly data?: unknown;
}

/** `id` is null only on an error whose request could not be read (JSON-RPC 2.0, section 5). */
export interface ResponseMessage {
  readonly kind: 'response';
  readonly id: RequestId | null;
  readonly reply: { readonly result: Record<string, unknown> } | { readonly error: RpcError };
}

export type Message = RequestMessage | NotificationMessage | ResponseMessage;

/** `id` is the request's own id when it could be read, so that the error can be correlated. */
export interface InvalidMessage {
  readonly kind: 'invalid';
  readonly reason: string;
  readonly id: RequestId | null;
}

export interface BatchMessage {
  readonly kind: 'batch';
  readonly size: number;
}

const TOP_LEVEL_KEYS: ReadonlySet<string> = new Set(['jsonrpc', 'id', 'method', 'params', 'result', 'error']);
const MAX_ID_CHARACTERS = 1_024;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Reads one message from parsed JSON. Never throws. Keys are case-sensitive and unknown ones are refused: a body that two
 * readers could take differently (`Method` beside `method`) must not reach an upstream after we judged one of the readings.
 */
export function readMessage(value: unknown): Message | BatchMessage | InvalidMessage {
  if (Array.isArray(value)) return { kind: 'batch', size: value.length };
  if (!isObject(value)) return { kind: 'invalid', reason: 'a JSON-RPC message must be an object', id: null };
  const id = value['id'];
  const readableId = isRequestId(id) ? id : null;
  const invalid = (reason: string): InvalidMessage => ({ kind: 'invalid', reason, id: readableId });
  for (const key in value) if (!TOP_LEVEL_KEYS.has(key)) return invalid(`unknown member ${quote(key)}: only jsonrpc, id, method, params, result and error are allowed`);
  if (value['jsonrpc'] !== '2.0') return invalid('"jsonrpc" must be "2.0"');
  if (id !== undefined && id !== null && readableId === null) return invalid(`"id" must be a string of at most ${MAX_ID_CHARACTERS} characters or an integer`);
  if (value['method'] === undefined) return readResponse(value, readableId, invalid);
  return readCall(value, readableId, invalid);
}

export function isRequestId(value: unknown): value is RequestId {
  return (typeof value === 'string' && value.length <= MAX_ID_CHARACTERS) || Number.isSafeInteger(value);
}

function readCall(value: JsonObject, id: RequestId | null, invalid: (reason: string) => InvalidMessage): Message | InvalidMessage {
  const { method, params } = value;
  if (typeof method !== 'string' || method.length === 0) return invalid('"method" must be a non-empty string');
  if (value['result'] !== undefined || value['error'] !== undefined) return invalid('a message has either "method" or one of "result" and "error"');
  if (params !== undefined && !isObject(params)) return invalid('"params" must be an object');
  if (id !== null) return { kind: 'request', id, method, params };
  if (value['id'] === null) return invalid('"id" must not be null');
  return { kind: 'notification', method, params };
}

function readResponse(value: JsonObject, id: RequestId | null, invalid: (reason: string) => InvalidMessage): Message | InvalidMessage {
  const { result, error } = value;
  if (value['params'] !== undefined) return invalid('"params" needs a "method"');
  if ((result === undefined) === (error === undefined)) return invalid('a message needs "method", or exactly one of "result" and "error"');
  if (error === undefined) {
    if (id === null) return invalid('a result needs the "id" of its request');
    if (!isObject(result)) return invalid('"result" must be an object');
    return { kind: 'response', id, reply: { result } };
  }
  if (!isRpcError(error)) return invalid('"error" must be an object with an integer "code" and a string "message"');
  return { kind: 'response', id, reply: { error } };
}

function isRpcError(value: unknown): value is RpcError {
  return isObject(value) && Number.isSafeInteger(value['code']) && typeof value['message'] === 'string';
}

/** Wire form of an error response; `id` null when the request's own could not be read. */
export function errorResponse(id: RequestId | null, error: RpcError): { jsonrpc: '2.0'; id: RequestId | null; error: RpcError } {
  return { jsonrpc: '2.0', id, error };
}

export function resultResponse(id: RequestId, result: JsonObject): { jsonrpc: '2.0'; id: RequestId; result: JsonObject } {
  return { jsonrpc: '2.0', id, result };
}

/** A value from outside in an error message: JSON-quoted, so that control characters can't act, and short. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}
