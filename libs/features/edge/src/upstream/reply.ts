import type { UpstreamReply } from '@mcpgw/contracts';
import { isObject, type RpcError } from '@mcpgw/core-mcp-wire';
import type { Answer } from './exchange.js';
import { garbage, refusedByStatus, type Culprit } from './upstream-faults.js';

const METHOD_NOT_FOUND = -32601;

/** What came back for request `id`. */
export interface Received {
  readonly id: number;
  readonly answer: Extract<Answer, { kind: 'body' | 'message' }>;
}

/**
 * The JSON-RPC answer in an HTTP response, parsed once and not validated beyond its frame: results belong to the server.
 * Throws the fault when there is no such answer.
 */
export function readReply(culprit: Culprit, { id, answer }: Received): UpstreamReply {
  const { status } = answer;
  const message = messageOf(answer);
  const error = isObject(message) ? readError(message['error']) : undefined;
  if (isObject(message) && message['id'] === id && message['method'] === undefined) {
    const { result } = message;
    if (error !== undefined) return { error };
    if (isObject(result)) return { result };
  }
  if (status < 200 || status > 299) throw refusedByStatus(culprit, status, { location: locationOf(answer.headers['location']), error });
  throw garbage(culprit, status);
}

/**
 * Whether the server refused a request because it knows no such session, so that nothing ran. The standard says 404;
 * widespread servers, server-everything among them, answer 400 with the transport's own code, before they hand anything on.
 */
export function isSessionExpired({ id, answer }: Received): boolean {
  if (answer.status !== 404 && answer.status !== 400) return false;
  const message = messageOf(answer);
  const error = isObject(message) ? readError(message['error']) : undefined;
  // An unknown method is answered with HTTP 404 by some, under the id of the request, and has nothing to do with the session.
  if (answer.status === 404) return !(error?.code === METHOD_NOT_FOUND && isObject(message) && message['id'] === id);
  return error?.code === -32000 && /session/i.test(error.message);
}

function messageOf(answer: Received['answer']): unknown {
  return answer.kind === 'message' ? answer.message : parse(answer.text);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function readError(value: unknown): RpcError | undefined {
  if (!isObject(value) || !Number.isSafeInteger(value['code']) || typeof value['message'] !== 'string') return undefined;
  const { code, message, data } = value as { code: number; message: string; data?: unknown };
  return data === undefined ? { code, message } : { code, message, data };
}

/** Only the origin: paths and queries of redirects carry tokens. */
function locationOf(location: string | string[] | undefined): string | undefined {
  const target = typeof location === 'string' ? URL.parse(location) : null;
  return target === null ? undefined : target.origin;
}
