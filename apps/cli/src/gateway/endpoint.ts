import { Agent, request, type Dispatcher } from 'undici';

/** A port or a unix socket of the gateway. `url` is the base without a trailing slash. */
export interface Endpoint {
  readonly url: string;
  readonly socketPath?: string | undefined;
}

export function endpoint(url: string, socketPath?: string): Endpoint {
  return { url: url.replace(/\/+$/, '').replace(/\/mcp$/, ''), ...(socketPath === undefined ? {} : { socketPath }) };
}

/** What `Host` says over a unix socket: a loopback name, which the gateway accepts by default. */
export const SOCKET_URL = 'http://localhost';

export function describeEndpoint({ url, socketPath }: Endpoint): string {
  return socketPath ?? url;
}

export function agentFor({ socketPath }: Endpoint, options: Agent.Options = {}): Agent {
  return new Agent({ ...options, ...(socketPath === undefined ? {} : { connect: { socketPath } }) });
}

export type HttpReply = Dispatcher.ResponseData;

export { request };

const UNREACHABLE = new Set(['ECONNREFUSED', 'ENOENT', 'ECONNRESET', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND', 'EAI_AGAIN', 'UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_SOCKET', 'ETIMEDOUT']);

/** Whether a request failed because nobody is there, or went away. */
export function isUnreachable(error: unknown): boolean {
  return UNREACHABLE.has(errorCode(error));
}

/** Whether nothing of the request can have been handled: the connection was never made. */
export function neverConnected(error: unknown): boolean {
  return ['ECONNREFUSED', 'ENOENT', 'ENOTFOUND', 'EAI_AGAIN', 'UND_ERR_CONNECT_TIMEOUT'].includes(errorCode(error));
}

function errorCode(error: unknown): string {
  if (!(error instanceof Error)) return '';
  const { code } = error as { code?: unknown };
  if (typeof code === 'string') return code;
  const inner = error instanceof AggregateError ? (error.errors[0] as unknown) : error.cause;
  return inner === undefined || inner === error ? '' : errorCode(inner);
}
