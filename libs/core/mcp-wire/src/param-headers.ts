import { isObject, quote, type JsonObject } from './json-rpc.js';
import { encodeHeaderValue } from './mcp-headers.js';

/** An argument that travels as a header too (MCP 2026-07-28, tools: `x-mcp-header`). `header` is lower-case and complete. */
export interface ParamHeader {
  readonly header: string;
  readonly path: readonly string[];
}

export type ParamHeaders = { readonly ok: true; readonly headers: readonly ParamHeader[] } | { readonly ok: false; readonly reason: string };

const ANNOTATION = 'x-mcp-header';
/** RFC 9110, 5.6.2. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,128}$/;
const TYPES: ReadonlySet<unknown> = new Set(['string', 'integer', 'boolean']);
/** Keywords whose value is data and not a schema. */
const DATA: ReadonlySet<string> = new Set(['const', 'default', 'enum', 'examples']);
const MAX_DEPTH = 64;

/**
 * The annotations of a tool's inputSchema. Over HTTP a tool with an invalid one must not be offered: a header that two readers
 * assign to different arguments is worse than none.
 */
export function readParamHeaders(inputSchema: JsonObject): ParamHeaders {
  const headers: ParamHeader[] = [];
  const reason = walk(inputSchema, [], true, 0, headers);
  return reason === undefined ? { ok: true, headers } : { ok: false, reason };
}

/** `reachable` while only `properties` led here: then the path names one place in the arguments. */
function walk(schema: unknown, path: readonly string[], reachable: boolean, depth: number, found: ParamHeader[]): string | undefined {
  if (depth > MAX_DEPTH) return 'the schema is nested too deeply';
  if (Array.isArray(schema)) return firstReason(schema, (item) => walk(item, path, false, depth + 1, found));
  if (!isObject(schema)) return undefined;
  const annotation = schema[ANNOTATION];
  const reason = annotation === undefined ? undefined : take(annotation, schema, path, reachable, found);
  if (reason !== undefined) return reason;
  return firstReason(Object.entries(schema), ([keyword, value]) => {
    if (DATA.has(keyword) || keyword === ANNOTATION) return undefined;
    if (keyword !== 'properties' || !isObject(value)) return walk(value, path, false, depth + 1, found);
    return firstReason(Object.entries(value), ([name, property]) => walk(property, [...path, name], reachable, depth + 1, found));
  });
}

function take(annotation: unknown, schema: JsonObject, path: readonly string[], reachable: boolean, found: ParamHeader[]): string | undefined {
  if (typeof annotation !== 'string' || !TOKEN.test(annotation)) return `${ANNOTATION} is not a header name`;
  if (!reachable || path.length === 0) return `${ANNOTATION} ${quote(annotation)} stands where it names no single argument`;
  if (!TYPES.has(schema['type'])) return `${ANNOTATION} ${quote(annotation)} is on an argument that is no string, integer or boolean`;
  const header = `mcp-param-${annotation.toLowerCase()}`;
  if (found.some((other) => other.header === header)) return `${ANNOTATION} ${quote(annotation)} is there twice`;
  found.push({ header, path });
  return undefined;
}

function firstReason<T>(items: readonly T[], check: (item: T) => string | undefined): string | undefined {
  for (const item of items) {
    const reason = check(item);
    if (reason !== undefined) return reason;
  }
  return undefined;
}

/** The headers for these arguments; what is absent, null or of another type has none. */
export function paramHeaderValues(headers: readonly ParamHeader[], args: unknown): Record<string, string> {
  const values: Record<string, string> = {};
  for (const { header, path } of headers) {
    let value = args;
    for (const name of path) value = isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
    if (typeof value === 'string') values[header] = encodeHeaderValue(value);
    else if (typeof value === 'boolean' || Number.isSafeInteger(value)) values[header] = String(value);
  }
  return values;
}
