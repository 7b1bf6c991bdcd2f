import { ERRORS, GatewayError, type ErrorCode } from '@mcpgw/contracts';
import type { RequestId, RpcError } from '@mcpgw/core-mcp-wire';
import { errorAnswer, faultAnswer, type Answer } from '../http/answer.js';

/** A request that isn't carried out: what the caller is told, and the code that the entry and the log show. */
export interface Refusal {
  readonly kind: 'refusal';
  readonly code: string;
  readonly answer: Answer;
}

/** As the table of errors renders it. */
export function refuse(id: RequestId | null, code: ErrorCode, message: string, headers?: Readonly<Record<string, string>>, data?: Readonly<Record<string, unknown>>): Refusal {
  return { kind: 'refusal', code, answer: faultAnswer(id, new GatewayError(code, message, data === undefined ? {} : { data }), headers) };
}

/** In the words of the protocol, with a code of its own. */
export function refuseByProtocol(id: RequestId | null, http: number, error: RpcError): Refusal {
  return { kind: 'refusal', code: String(error.code), answer: errorAnswer(id, http, error) };
}

/** Once a request has been understood, HTTP has done its part: what goes wrong is the JSON-RPC answer, on 200. */
export function refuseOn200(id: RequestId, code: ErrorCode, message: string, data?: Readonly<Record<string, unknown>>): Refusal {
  return { kind: 'refusal', code, answer: errorAnswer(id, 200, { code: ERRORS[code].jsonRpc, message, ...(data === undefined ? {} : { data }) }) };
}
