import { ENVELOPE_KEYS, META_CLIENT_CAPABILITIES, META_CLIENT_INFO, META_PROTOCOL_VERSION, metaOf, type ClientInfo } from './envelope.js';
import type { JsonObject, RpcError } from './json-rpc.js';
import { LATEST_MODERN_VERSION } from './versions.js';

/** Results that must say how long and for whom they may be cached (MCP 2026-07-28, server/utilities/caching). */
const CACHEABLE: ReadonlySet<string> = new Set(['server/discover', 'tools/list', 'prompts/list', 'resources/list', 'resources/templates/list', 'resources/read', 'skills/list', 'skills/get', 'resources/directory/read']);

/** Not found, up to 2025-11-25; must not be sent since. */
const LEGACY_RESOURCE_NOT_FOUND = -32002;
const INVALID_PARAMS = -32602;

/**
 * Any upstream's result as a modern client expects it. `cacheScope` is always `private`: what we show depends on the caller,
 * and an upstream's `public` must not carry one principal's list to another.
 */
export function toModernResult(method: string, result: JsonObject, options?: { readonly ttlMs?: number }): Record<string, unknown> {
  const resultType = typeof result['resultType'] === 'string' ? result['resultType'] : 'complete';
  if (resultType !== 'complete' || !CACHEABLE.has(method)) return { ...result, resultType, ...('cacheScope' in result ? { cacheScope: 'private' } : {}) };
  return { ...result, resultType, ttlMs: ttlOf(result, options?.ttlMs ?? 0), cacheScope: 'private' };
}

function ttlOf(result: JsonObject, atMost: number): number {
  const ttl = result['ttlMs'];
  return Number.isSafeInteger(ttl) && (ttl as number) >= 0 ? Math.min(ttl as number, atMost) : atMost;
}

/** Any upstream's result as a legacy client expects it: without the members that era doesn't know. */
export function toLegacyResult(result: JsonObject): Record<string, unknown> {
  const { resultType: _resultType, ttlMs: _ttlMs, cacheScope: _cacheScope, ...rest } = result;
  return rest;
}

/** An upstream's error for a modern client: "resource not found" has become invalid params that name the URI. */
export function toModernError(error: RpcError, params: JsonObject | undefined): RpcError {
  if (error.code !== LEGACY_RESOURCE_NOT_FOUND) return error;
  const data = typeof error.data === 'object' && error.data !== null ? (error.data as JsonObject) : {};
  return { code: INVALID_PARAMS, message: error.message, data: { ...data, uri: data['uri'] ?? params?.['uri'] } };
}

/** An upstream's error for a legacy client: the way back. */
export function toLegacyError(method: string, error: RpcError): RpcError {
  const isNotFound = method === 'resources/read' && error.code === INVALID_PARAMS && typeof (error.data as JsonObject | undefined)?.['uri'] === 'string';
  return isNotFound ? { ...error, code: LEGACY_RESOURCE_NOT_FOUND } : error;
}

/**
 * Params as a legacy upstream may see them: without the envelope, which describes the client's hop and not ours. Unknown
 * `_meta` keys, `progressToken` and trace context pass. Returns the same object when there is nothing to strip.
 */
export function paramsForLegacy(params: JsonObject): JsonObject {
  const meta = metaOf(params);
  if (meta === undefined || !Object.keys(meta).some((key) => ENVELOPE_KEYS.has(key))) return params;
  const kept = Object.entries(meta).filter(([key]) => !ENVELOPE_KEYS.has(key));
  const { _meta, ...rest } = params;
  return kept.length === 0 ? rest : { ...rest, _meta: Object.fromEntries(kept) };
}

/** Params with the envelope of our own hop, for a modern upstream; the client's envelope keys are replaced. */
export function paramsForModern(params: JsonObject, own: { readonly clientInfo: ClientInfo; readonly clientCapabilities: JsonObject }): JsonObject {
  const logLevel = metaOf(params)?.['io.modelcontextprotocol/logLevel'];
  return {
    ...params,
    _meta: {
      ...metaOf(paramsForLegacy(params)),
      [META_PROTOCOL_VERSION]: LATEST_MODERN_VERSION,
      [META_CLIENT_INFO]: own.clientInfo,
      [META_CLIENT_CAPABILITIES]: own.clientCapabilities,
      ...(logLevel === undefined ? {} : { 'io.modelcontextprotocol/logLevel': logLevel }),
    },
  };
}
