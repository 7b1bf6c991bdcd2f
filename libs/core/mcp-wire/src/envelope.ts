import { isObject, type JsonObject, type RequestId } from './json-rpc.js';

/** Keys of `params._meta` that make up the per-request envelope (MCP 2026-07-28, basic). */
export const META_PROTOCOL_VERSION = 'io.modelcontextprotocol/protocolVersion';
export const META_CLIENT_INFO = 'io.modelcontextprotocol/clientInfo';
export const META_CLIENT_CAPABILITIES = 'io.modelcontextprotocol/clientCapabilities';
export const META_LOG_LEVEL = 'io.modelcontextprotocol/logLevel';
export const META_SERVER_INFO = 'io.modelcontextprotocol/serverInfo';
export const META_SUBSCRIPTION_ID = 'io.modelcontextprotocol/subscriptionId';

export const ENVELOPE_KEYS: ReadonlySet<string> = new Set([META_PROTOCOL_VERSION, META_CLIENT_INFO, META_CLIENT_CAPABILITIES, META_LOG_LEVEL]);

export const LOG_LEVELS = ['debug', 'info', 'notice', 'warning', 'error', 'critical', 'alert', 'emergency'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Self-reported: for display and the log, never for a decision. */
export interface ClientInfo extends JsonObject {
  readonly name: string;
  readonly version: string;
}

export interface Envelope {
  readonly protocolVersion: string;
  readonly clientInfo: ClientInfo | undefined;
  readonly clientCapabilities: JsonObject;
  readonly logLevel: LogLevel | undefined;
  readonly progressToken: RequestId | undefined;
  readonly traceparent: string | undefined;
}

/** `params._meta` when it is an object. */
export function metaOf(params: JsonObject | undefined): JsonObject | undefined {
  const meta = params?.['_meta'];
  return isObject(meta) ? meta : undefined;
}

/** The token under which the sender of these params wants progress; undefined when absent or malformed. */
export function progressTokenOf(params: JsonObject | undefined): RequestId | undefined {
  const token = metaOf(params)?.['progressToken'];
  return typeof token === 'string' || Number.isSafeInteger(token) ? (token as RequestId) : undefined;
}

const TRACEPARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

/** W3C Trace Context; a malformed value is ignored, as that standard asks. */
export function traceparentOf(params: JsonObject | undefined): string | undefined {
  const value = metaOf(params)?.['traceparent'];
  return typeof value === 'string' && TRACEPARENT.test(value) ? value : undefined;
}

/** What is wrong with an envelope: the key and why. */
export interface EnvelopeFault {
  readonly key: string;
  readonly problem: string;
}

/** Reads the envelope of a modern request, or says which part is missing or malformed. */
export function readEnvelope(params: JsonObject | undefined): Envelope | EnvelopeFault {
  const meta = metaOf(params);
  if (meta === undefined) return { key: '_meta', problem: 'missing' };
  const protocolVersion = meta[META_PROTOCOL_VERSION];
  if (typeof protocolVersion !== 'string') return fault(META_PROTOCOL_VERSION, protocolVersion, 'must be a string');
  const clientCapabilities = meta[META_CLIENT_CAPABILITIES];
  if (!isObject(clientCapabilities)) return fault(META_CLIENT_CAPABILITIES, clientCapabilities, 'must be an object');
  const clientInfo = meta[META_CLIENT_INFO];
  if (clientInfo !== undefined && !isClientInfo(clientInfo)) return fault(META_CLIENT_INFO, clientInfo, 'must be an object with the strings "name" and "version"');
  const logLevel = meta[META_LOG_LEVEL];
  if (logLevel !== undefined && !isLogLevel(logLevel)) return fault(META_LOG_LEVEL, logLevel, `must be one of ${LOG_LEVELS.join(', ')}`);
  const progressToken = meta['progressToken'];
  if (progressToken !== undefined && typeof progressToken !== 'string' && !Number.isSafeInteger(progressToken)) return fault('progressToken', progressToken, 'must be a string or an integer');
  return { protocolVersion, clientInfo, clientCapabilities, logLevel, progressToken: progressToken as RequestId | undefined, traceparent: traceparentOf(params) };
}

function fault(key: string, value: unknown, problem: string): EnvelopeFault {
  return { key, problem: value === undefined ? 'missing' : problem };
}

export function isClientInfo(value: unknown): value is ClientInfo {
  return isObject(value) && typeof value['name'] === 'string' && typeof value['version'] === 'string';
}

export function isLogLevel(value: unknown): value is LogLevel {
  return (LOG_LEVELS as readonly unknown[]).includes(value);
}
