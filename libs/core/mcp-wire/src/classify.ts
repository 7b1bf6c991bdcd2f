import { META_PROTOCOL_VERSION, metaOf, readEnvelope, type Envelope } from './envelope.js';
import { quote, type Message, type NotificationMessage, type RequestMessage, type ResponseMessage, type RpcError } from './json-rpc.js';
import { decodeHeaderValue, HEADER_MISMATCH, nameHeaderSource, stripWhitespace, UNSUPPORTED_PROTOCOL_VERSION } from './mcp-headers.js';
import { LEGACY_VERSIONS, MODERN_VERSIONS } from './versions.js';

/** Values of the request headers that decide; each undefined when absent. A header sent twice must be refused before. */
export interface McpHeaders {
  readonly protocolVersion?: string | undefined;
  readonly method?: string | undefined;
  readonly name?: string | undefined;
  readonly sessionId?: string | undefined;
  readonly accept?: string | undefined;
}

export interface ModernRequest {
  readonly kind: 'modern';
  readonly message: RequestMessage;
  readonly envelope: Envelope;
}

/** Notifications need no envelope; `protocolVersion` is what the body or else the header says. */
export interface ModernNotification {
  readonly kind: 'modern-notification';
  readonly message: NotificationMessage;
  readonly protocolVersion: string;
}

/** `protocolVersion` is the header's, undefined when absent. `Mcp-*` headers are not looked at: on this era they prove nothing. */
export interface LegacyMessage {
  readonly kind: 'legacy';
  readonly message: RequestMessage | NotificationMessage | ResponseMessage;
  readonly protocolVersion: string | undefined;
  readonly sessionId: string | undefined;
}

export interface Rejection {
  readonly kind: 'reject';
  readonly httpStatus: number;
  readonly error: RpcError;
}

export type Classification = ModernRequest | ModernNotification | LegacyMessage | Rejection;

/** Gone since 2026-07-28: on the modern era they are unknown methods. */
const REMOVED_METHODS: ReadonlySet<string> = new Set(['initialize', 'ping', 'logging/setLevel', 'resources/subscribe', 'resources/unsubscribe', 'tasks/list', 'tasks/result']);

/**
 * Decides the era of one POST and checks its headers against its body (MCP 2026-07-28, basic/transports/streamable-http).
 * The body decides; the headers must agree with it. Pure, never throws.
 */
export function classifyHttp(input: { readonly headers: McpHeaders; readonly message: Message }): Classification {
  const { headers, message } = input;
  if (!accepts(headers.accept)) return reject(406, -32600, 'Not acceptable: "Accept" must list application/json and text/event-stream');
  const headerVersion = headers.protocolVersion === undefined ? undefined : stripWhitespace(headers.protocolVersion);
  const headerIsModern = headerVersion !== undefined && MODERN_VERSIONS.includes(headerVersion);
  if (message.kind === 'response') {
    if (headerIsModern) return reject(400, -32600, 'Responses can not be posted: a modern server sends no requests');
    return legacy(message, headers, headerVersion);
  }
  const claim = metaOf(message.params)?.[META_PROTOCOL_VERSION];
  if (claim === undefined && !headerIsModern) return legacy(message, headers, headerVersion);
  return message.kind === 'request' ? modernRequest(message, headers, headerVersion) : modernNotification(message, headers, headerVersion, claim);
}

function legacy(message: LegacyMessage['message'], headers: McpHeaders, protocolVersion: string | undefined): LegacyMessage | Rejection {
  if (protocolVersion !== undefined && !LEGACY_VERSIONS.includes(protocolVersion)) return unsupported(protocolVersion);
  return { kind: 'legacy', message, protocolVersion, sessionId: headers.sessionId };
}

function modernRequest(message: RequestMessage, headers: McpHeaders, headerVersion: string | undefined): ModernRequest | Rejection {
  const envelope = readEnvelope(message.params);
  if ('problem' in envelope) return reject(400, -32602, `Invalid params: ${envelope.key} of the request envelope: ${envelope.problem}`, { envelope });
  const mismatch =
    versionMismatch(headerVersion, envelope.protocolVersion) ??
    methodMismatch(headers.method, message.method) ??
    nameMismatch(headers.name, nameHeaderSource(message.method, message.params));
  if (mismatch !== undefined) return mismatch;
  if (!MODERN_VERSIONS.includes(envelope.protocolVersion)) return unsupported(envelope.protocolVersion);
  if (REMOVED_METHODS.has(message.method)) return reject(404, -32601, `Method not found: ${quote(message.method)} was removed in ${envelope.protocolVersion}`);
  return { kind: 'modern', message, envelope };
}

function modernNotification(message: NotificationMessage, headers: McpHeaders, headerVersion: string | undefined, claim: unknown): ModernNotification | Rejection {
  if (claim !== undefined && typeof claim !== 'string') return reject(400, -32602, `Invalid params: ${META_PROTOCOL_VERSION} must be a string`);
  const protocolVersion = claim ?? (headerVersion as string);
  if (headerVersion !== protocolVersion) return versionMismatch(headerVersion, protocolVersion) as Rejection;
  // `Mcp-Method` is required on requests only, but one that is there must be true.
  if (headers.method !== undefined && stripWhitespace(headers.method) !== message.method) return methodMismatch(headers.method, message.method) as Rejection;
  return MODERN_VERSIONS.includes(protocolVersion) ? { kind: 'modern-notification', message, protocolVersion } : unsupported(protocolVersion);
}

function versionMismatch(header: string | undefined, body: string): Rejection | undefined {
  if (header === undefined) return mismatchError('MCP-Protocol-Version', 'is missing', body);
  return header === body ? undefined : mismatchError('MCP-Protocol-Version', `says ${quote(header)}`, body);
}

function methodMismatch(header: string | undefined, body: string): Rejection | undefined {
  if (header === undefined) return mismatchError('Mcp-Method', 'is missing', body);
  const value = stripWhitespace(header);
  return value === body ? undefined : mismatchError('Mcp-Method', `says ${quote(value)}`, body);
}

function nameMismatch(header: string | undefined, body: string | undefined): Rejection | undefined {
  if (header === undefined) return body === undefined ? undefined : mismatchError('Mcp-Name', 'is missing', body);
  const value = decodeHeaderValue(header);
  if (value === undefined) return mismatchError('Mcp-Name', 'is not valid Base64 of UTF-8 text', body ?? '');
  return body === undefined || value === body ? undefined : mismatchError('Mcp-Name', `says ${quote(value)}`, body);
}

function mismatchError(header: string, problem: string, body: string): Rejection {
  return reject(400, HEADER_MISMATCH, `Header mismatch: ${header} ${problem}, the body says ${quote(body)}`, { header });
}

function unsupported(requested: string): Rejection {
  return reject(400, UNSUPPORTED_PROTOCOL_VERSION, `Unsupported protocol version ${quote(requested)}`, { supported: MODERN_VERSIONS, requested });
}

function reject(httpStatus: number, code: number, message: string, data?: unknown): Rejection {
  return { kind: 'reject', httpStatus, error: data === undefined ? { code, message } : { code, message, data } };
}

/** Lenient with clients that name only one of the two types; strict only with those that could read no answer at all. */
function accepts(accept: string | undefined): boolean {
  return accept === undefined || /\*\/\*|application\/(json|\*)|text\/(event-stream|\*)/i.test(accept);
}
