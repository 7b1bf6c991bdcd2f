import { ERRORS, type ErrorCode, type GatewayError } from '@mcpgw/contracts';
import type { RequestId, RpcError } from '@mcpgw/core-mcp-wire';

/** What goes back over HTTP. `body` is JSON text; none: an empty answer. */
export interface Answer {
  readonly http: number;
  readonly body: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
}

const NONE = {};

/** `result` is the result as JSON text: it is serialised once, for digest, size and answer alike. */
export function resultAnswer(id: RequestId, result: string, headers: Readonly<Record<string, string>> = NONE): Answer {
  return { http: 200, body: `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":${result}}`, headers };
}

export function errorAnswer(id: RequestId | null, http: number, error: RpcError, headers: Readonly<Record<string, string>> = NONE): Answer {
  return { http, body: JSON.stringify({ jsonrpc: '2.0', id, error }), headers };
}

/** A fault as the table in contracts says. */
export function faultAnswer(id: RequestId | null, fault: GatewayError, headers: Readonly<Record<string, string>> = NONE): Answer {
  return errorAnswer(id, ERRORS[fault.code].http, rpcErrorOf(fault), { ...headersOf(fault.code), ...headers });
}

export function rpcErrorOf(fault: GatewayError): RpcError {
  const { code, message, data } = fault;
  return data === undefined ? { code: ERRORS[code].jsonRpc, message } : { code: ERRORS[code].jsonRpc, message, data };
}

/** A notification or response that was taken in. */
export const ACCEPTED: Answer = { http: 202, body: undefined, headers: NONE };

const RETRY_AFTER_SECONDS = '2';

function headersOf(code: ErrorCode): Readonly<Record<string, string>> {
  if (code === 'unauthenticated') return { 'www-authenticate': 'Bearer' };
  return ERRORS[code].http === 503 ? { 'retry-after': RETRY_AFTER_SECONDS } : NONE;
}
