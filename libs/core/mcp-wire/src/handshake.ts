import type { Era } from '@mcpgw/contracts';
import { isClientInfo, META_SERVER_INFO, metaOf, type ClientInfo } from './envelope.js';
import { isObject, quote, type JsonObject } from './json-rpc.js';
import { LATEST_LEGACY_VERSION, LATEST_MODERN_VERSION, LEGACY_VERSIONS } from './versions.js';

/** What a server says of itself before it is asked for anything: the result of `initialize` or `server/discover`. */
export interface Handshake {
  readonly era: Era;
  readonly protocolVersion: string;
  readonly serverInfo: JsonObject & { readonly name: string; readonly version: string };
  readonly capabilities: JsonObject;
  readonly instructions: string | undefined;
}

export type HandshakeResult = { readonly ok: true; readonly handshake: Handshake } | { readonly ok: false; readonly reason: string };

/**
 * Params of our `initialize` to an upstream. `capabilities` are those of the one caller that the session is for: on a connection
 * that many callers share it is empty, because nobody could answer what the server asks there.
 */
export function legacyInitializeParams(clientInfo: ClientInfo, capabilities: JsonObject = {}): JsonObject {
  return { protocolVersion: LATEST_LEGACY_VERSION, capabilities, clientInfo };
}

/** Reads the result of `initialize` (MCP 2025-11-25, basic/lifecycle). */
export function readInitializeResult(result: unknown): HandshakeResult {
  if (!isObject(result)) return refuse('the result is not an object');
  const { protocolVersion, serverInfo } = result;
  if (typeof protocolVersion !== 'string') return refuse('"protocolVersion" is not a string');
  if (!LEGACY_VERSIONS.includes(protocolVersion)) return refuse(`protocol version ${quote(protocolVersion)} is none of ${LEGACY_VERSIONS.join(', ')}`);
  return readCommon('legacy', protocolVersion, serverInfo, result);
}

/** Reads the result of `server/discover` (MCP 2026-07-28); the server's identity stands in the result's `_meta`. */
export function readDiscoverResult(result: unknown): HandshakeResult {
  if (!isObject(result)) return refuse('the result is not an object');
  const versions = result['supportedVersions'];
  if (!Array.isArray(versions) || !versions.includes(LATEST_MODERN_VERSION)) return refuse(`"supportedVersions" does not list ${LATEST_MODERN_VERSION}`);
  const serverInfo = metaOf(result)?.[META_SERVER_INFO] ?? { name: 'unnamed', version: '0' };
  return readCommon('modern', LATEST_MODERN_VERSION, serverInfo, result);
}

function readCommon(era: Era, protocolVersion: string, serverInfo: unknown, result: JsonObject): HandshakeResult {
  const { capabilities, instructions } = result;
  if (!isClientInfo(serverInfo)) return refuse('the server names itself without the strings "name" and "version"');
  if (!isObject(capabilities)) return refuse('"capabilities" is not an object');
  if (instructions !== undefined && typeof instructions !== 'string') return refuse('"instructions" is not a string');
  return { ok: true, handshake: { era, protocolVersion, serverInfo, capabilities, instructions } };
}

function refuse(reason: string): HandshakeResult {
  return { ok: false, reason };
}
