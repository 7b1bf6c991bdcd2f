import type { JsonObject } from './json-rpc.js';

/** Codes that MCP 2026-07-28 reserves for itself; all three travel with HTTP 400. */
export const HEADER_MISMATCH = -32020;
export const MISSING_CLIENT_CAPABILITY = -32021;
export const UNSUPPORTED_PROTOCOL_VERSION = -32022;

const SENTINEL = /^=\?base64\?([A-Za-z0-9+/]*={0,2})\?=$/;
const SENTINEL_START = '=?base64?';
/** RFC 9110 field content that survives every hop: visible ASCII, inner spaces and tabs. */
const PLAIN = /^[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?$/;

/** A header value without the optional white space around it (RFC 9110, 5.5). */
export function stripWhitespace(value: string): string {
  return value.replace(/^[ \t]+|[ \t]+$/g, '');
}

/** The text that an `Mcp-Name` or `Mcp-Param-*` header stands for; undefined when its Base64 form is broken. */
export function decodeHeaderValue(raw: string): string | undefined {
  const value = stripWhitespace(raw);
  // Half a sentinel is a literal value like any other (2026-07-28, transports: value encoding).
  if (!value.startsWith(SENTINEL_START) || !value.endsWith('?=') || value.length < SENTINEL_START.length + 2) return value;
  const encoded = SENTINEL.exec(value)?.[1];
  if (encoded === undefined) return undefined;
  const bytes = Buffer.from(encoded, 'base64');
  // Buffer skips what it can't read: only a value that encodes back to itself names exactly one text.
  if (bytes.toString('base64') !== encoded) return undefined;
  const text = bytes.toString('utf8');
  return Buffer.from(text).equals(bytes) ? text : undefined;
}

/** The header form of a text: itself when it is plain ASCII, else the Base64 sentinel. */
export function encodeHeaderValue(text: string): string {
  if (PLAIN.test(text) && !text.startsWith(SENTINEL_START)) return text;
  return `=?base64?${Buffer.from(text).toString('base64')}?=`;
}

const NAME_SOURCES: Readonly<Record<string, string>> = {
  'tools/call': 'name',
  'prompts/get': 'name',
  'resources/read': 'uri',
  'tasks/get': 'taskId',
  'tasks/update': 'taskId',
  'tasks/cancel': 'taskId',
};

/** What `Mcp-Name` must say for this request; undefined when the method has none or the params lack it. */
export function nameHeaderSource(method: string, params: JsonObject | undefined): string | undefined {
  const field = Object.hasOwn(NAME_SOURCES, method) ? NAME_SOURCES[method] : undefined;
  const value = field === undefined ? undefined : params?.[field];
  return typeof value === 'string' ? value : undefined;
}
