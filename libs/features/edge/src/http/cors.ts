import type { IncomingHttpHeaders, ServerResponse } from 'node:http';

/** What a page may send, besides what needs no leave; and any `Mcp-Param-*`. */
const REQUEST_HEADERS = new Set(['mcp-protocol-version', 'mcp-method', 'mcp-name', 'mcp-session-id', 'last-event-id', 'authorization', 'content-type', 'accept']);
const PARAM_HEADER = /^mcp-param-[a-z0-9!#$%&'*+.^_`|~-]{1,128}$/;
const MAX_REQUEST_HEADERS = 64;
const METHODS = 'GET, POST, DELETE';
/** Seconds that a browser may keep the leave; what it may do is decided by each request all the same. */
const MAX_AGE = '600';

/** Whether a browser asks for leave before the request itself (WHATWG Fetch, CORS-preflight). */
export function isPreflight(method: string | undefined, headers: IncomingHttpHeaders): boolean {
  return method === 'OPTIONS' && headers.origin !== undefined && headers['access-control-request-method'] !== undefined;
}

/** Lets the page of an Origin that has passed the guard read the answer. No credentials: a page sends its key itself. */
export function allowReading(response: ServerResponse, origin: string): void {
  response.setHeader('access-control-allow-origin', origin);
  response.setHeader('vary', 'Origin');
  response.setHeader('access-control-expose-headers', 'Mcp-Session-Id, WWW-Authenticate, Retry-After');
}

/** The answer to a preflight: of the headers that the page wants to send, those that mean something here. */
export function preflightHeaders(headers: IncomingHttpHeaders): Record<string, string> {
  const wanted = (headers['access-control-request-headers'] ?? '').split(',', MAX_REQUEST_HEADERS).map((name) => name.trim().toLowerCase());
  const allowed = wanted.filter((name) => REQUEST_HEADERS.has(name) || PARAM_HEADER.test(name));
  return { 'access-control-allow-methods': METHODS, 'access-control-max-age': MAX_AGE, ...(allowed.length === 0 ? {} : { 'access-control-allow-headers': allowed.join(', ') }) };
}
