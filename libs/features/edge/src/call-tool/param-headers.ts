import { decodeHeaderValue, HEADER_MISMATCH, paramHeaderValues, quote, readParamHeaders, type ParamHeader, type RpcError } from '@mcpgw/core-mcp-wire';
import type { Wanted } from './wanted.js';

const NONE: readonly ParamHeader[] = [];
const annotated = new WeakMap<object, readonly ParamHeader[]>();

/**
 * Arguments that travel as headers too must say there what the body says (MCP 2026-07-28, tools, `x-mcp-header`): a proxy on
 * the way may have judged by them. The error of the first that doesn't; integers are compared as numbers.
 */
export function paramHeaderFault({ action, destination, arguments: given, viaSearch }: Wanted, header: (name: string) => string | undefined): RpcError | undefined {
  if (action !== 'tools/call' || !destination.offer || viaSearch) return undefined;
  const headers = annotationsOf(destination.offer.definition);
  if (headers.length === 0) return undefined;
  const expected = paramHeaderValues(headers, given);
  for (const { header: name } of headers) {
    const sent = header(name);
    const said = sent === undefined ? undefined : decodeHeaderValue(sent);
    const meant = expected[name] === undefined ? undefined : decodeHeaderValue(expected[name]);
    if (sent === undefined && meant === undefined) continue;
    if (said === undefined || meant === undefined || (said !== meant && !sameInteger(said, meant))) {
      return { code: HEADER_MISMATCH, message: `Header mismatch: ${quote(name)} ${sent === undefined ? 'is missing' : 'does not say what the argument says'}`, data: { header: name } };
    }
  }
  return undefined;
}

function annotationsOf(definition: Readonly<Record<string, unknown>>): readonly ParamHeader[] {
  let headers = annotated.get(definition);
  if (!headers) {
    const read = readParamHeaders((definition['inputSchema'] ?? {}) as Readonly<Record<string, unknown>>);
    headers = read.ok ? read.headers : NONE;
    annotated.set(definition, headers);
  }
  return headers;
}

function sameInteger(one: string, other: string): boolean {
  return /^[+-]?\d+$/.test(one) && /^-?\d+$/.test(other) && Number(one) === Number(other);
}
