/**
 * Every fault that may cross a process border, and how each edge renders it. HTTP status, JSON-RPC code, whether the same
 * request may succeed later, and the level it is logged at are decided here and nowhere else.
 *
 * JSON-RPC codes of our own stay outside -32768..-32000, as MCP 2026-07-28 asks: -31000 minus the HTTP status.
 */
export const ERRORS = {
  invalid_request: { http: 400, jsonRpc: -32600, retryable: false, level: 'info' },
  invalid_params: { http: 400, jsonRpc: -32602, retryable: false, level: 'info' },
  unauthenticated: { http: 401, jsonRpc: -31401, retryable: false, level: 'info' },
  permission_denied: { http: 403, jsonRpc: -31403, retryable: false, level: 'info' },
  origin_refused: { http: 403, jsonRpc: -31403, retryable: false, level: 'warn' },
  not_found: { http: 404, jsonRpc: -32602, retryable: false, level: 'info' },
  method_not_found: { http: 404, jsonRpc: -32601, retryable: false, level: 'info' },
  conflict: { http: 409, jsonRpc: -31409, retryable: true, level: 'info' },
  payload_too_large: { http: 413, jsonRpc: -32600, retryable: false, level: 'info' },
  rate_limited: { http: 429, jsonRpc: -31429, retryable: true, level: 'info' },
  cancelled: { http: 499, jsonRpc: -31499, retryable: false, level: 'info' },
  internal: { http: 500, jsonRpc: -32603, retryable: false, level: 'error' },
  upstream_failed: { http: 502, jsonRpc: -31502, retryable: true, level: 'warn' },
  /** The call may or may not have run upstream: never repeated by the gateway itself. */
  upstream_lost: { http: 502, jsonRpc: -31502, retryable: false, level: 'warn' },
  /** The way to another service broke after a request had been sent: it may or may not have been served. */
  connection_lost: { http: 503, jsonRpc: -31503, retryable: false, level: 'warn' },
  unavailable: { http: 503, jsonRpc: -31503, retryable: true, level: 'warn' },
  spool_unavailable: { http: 503, jsonRpc: -31503, retryable: true, level: 'error' },
  timeout: { http: 504, jsonRpc: -31504, retryable: true, level: 'warn' },
  sandbox_unavailable: { http: 503, jsonRpc: -31503, retryable: false, level: 'error' },
} as const satisfies Record<string, ErrorRow>;

interface ErrorRow {
  readonly http: number;
  readonly jsonRpc: number;
  readonly retryable: boolean;
  readonly level: 'info' | 'warn' | 'error';
}

export type ErrorCode = keyof typeof ERRORS;

/**
 * The one fault of this system. `publicMessage` names the culprit and what to do, and is safe to show to a caller; whatever
 * is not goes into `cause`, which is logged and never rendered. `data` is structured detail for the caller.
 */
export class GatewayError extends Error {
  readonly code: ErrorCode;
  readonly data: Readonly<Record<string, unknown>> | undefined;

  constructor(code: ErrorCode, publicMessage: string, options?: { cause?: unknown; data?: Readonly<Record<string, unknown>> }) {
    super(publicMessage, options?.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'GatewayError';
    this.code = code;
    this.data = options?.data;
  }
}

/** Any thrown value as a GatewayError. What is not one already becomes `internal`, its message kept back as the cause. */
export function toGatewayError(thrown: unknown): GatewayError {
  if (thrown instanceof GatewayError) return thrown;
  return new GatewayError('internal', 'The gateway failed to handle this request; the operator finds the cause in its log.', { cause: thrown });
}

export function isErrorCode(value: string): value is ErrorCode {
  return Object.hasOwn(ERRORS, value);
}
