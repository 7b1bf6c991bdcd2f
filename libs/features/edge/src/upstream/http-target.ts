import { createHash } from 'node:crypto';
import type { Era, ToolDefinition } from '@mcpgw/contracts';
import { offeredListChanges } from './list-changes.js';

/** An HTTP server as it is to be called: secrets substituted, era as discovered. Give the same object while nothing changed. */
export interface HttpTarget {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly allowPrivateNetwork: boolean;
  readonly era: Era;
  /** Of a legacy server; absent: Streamable HTTP. */
  readonly transport?: 'streamable-http' | 'sse';
  /** As discovered; says whether a modern server can be listened to. */
  readonly capabilities?: Readonly<Record<string, unknown>>;
  /** Of a modern server: their annotations say which arguments go into headers too (`Mcp-Param-*`). */
  readonly tools?: readonly ToolDefinition[];
}

export interface HttpUpstreamLimits {
  readonly maxResponseBytes: number;
  readonly connectTimeoutMs: number;
  readonly connectionsPerOrigin: number;
  /** Calls under way or waiting for a connection, per server; more are refused. */
  readonly maxPendingPerServer: number;
  /** `initialize` and the probe for the modern era. */
  readonly handshakeTimeoutMs: number;
  readonly discoverTimeoutMs: number;
  /** Servers held; the longest unused one is closed for a new one. */
  readonly maxServers: number;
  /** A server that nobody called for so long is closed: session, stream and connections. */
  readonly idleMs: number;
  /** The same when there is a newer connection to that server, with another address or credential. */
  readonly supersededIdleMs: number;
  /** Sessions of single callers per legacy server; at the bound the longest idle one ends, else the call shares the common one. */
  readonly maxScopesPerServer: number;
  /** A single caller's session that was not used for so long is ended. */
  readonly scopeIdleMs: number;
}

export const DEFAULT_HTTP_UPSTREAM_LIMITS: HttpUpstreamLimits = {
  maxResponseBytes: 8 * 1_024 * 1_024,
  connectTimeoutMs: 5_000,
  connectionsPerOrigin: 128,
  maxPendingPerServer: 1_024,
  handshakeTimeoutMs: 10_000,
  discoverTimeoutMs: 40_000,
  maxServers: 1_024,
  idleMs: 15 * 60_000,
  supersededIdleMs: 60_000,
  maxScopesPerServer: 64,
  scopeIdleMs: 5 * 60_000,
};

/** Headers that the connection or the protocol sets: a configured one would break framing or speak for another hop. */
const OWN_HEADERS: ReadonlySet<string> = new Set([
  'accept',
  'accept-encoding',
  'connection',
  'content-length',
  'content-type',
  'expect',
  'host',
  'last-event-id',
  'keep-alive',
  'mcp-protocol-version',
  'mcp-session-id',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** The configured headers, lower-cased, with those left out that are ours to set. */
export function configuredHeaders(target: HttpTarget): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(target.headers)) if (!OWN_HEADERS.has(name.toLowerCase())) headers[name.toLowerCase()] = value;
  return headers;
}

/** Equal for targets that may share a session: another credential must never get the session of the first. */
export function targetDigest(target: HttpTarget): string {
  const headers = Object.entries(target.headers).sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256').update(JSON.stringify([target.url, target.allowPrivateNetwork, target.era, target.transport ?? 'streamable-http', target.era === 'modern' ? offeredListChanges(target.capabilities) : {}, headers])).digest('base64url');
}
