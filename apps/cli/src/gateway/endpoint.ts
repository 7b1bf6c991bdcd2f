import { Agent, request, type Dispatcher } from 'undici';

/** A port or a unix socket of the gateway. `url` is the base without a trailing slash. */
export interface Endpoint {
  readonly url: string;
  readonly socketPath?: string | undefined;
}

/** `http://host:port`, with or without /mcp, or `unix:/path/of/socket` as first-run.json may say. */
export function endpoint(address: string): Endpoint {
  // Over a socket, Host is a loopback name, which the gateway accepts by default.
  if (address.startsWith('unix:')) return { url: 'http://localhost', socketPath: address.slice('unix:'.length) };
  return { url: address.replace(/\/+$/, '').replace(/\/mcp$/, '') };
}

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

/** By shape, not by class: errors of Node's own sockets may come from another realm than ours. */
function errorCode(error: unknown): string {
  if (typeof error !== 'object' || error === null) return '';
  const { code, cause, errors } = error as { code?: unknown; cause?: unknown; errors?: unknown };
  if (typeof code === 'string') return code;
  return errorCode(Array.isArray(errors) ? errors[0] : cause);
}
