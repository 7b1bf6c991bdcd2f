import { META_SERVER_INFO } from '@mcpgw/core-mcp-wire';

/** What the gateway says of itself; for display only. */
export const SERVER_INFO = { name: 'mcp-gateway', version: '0.1.0' } as const;

/** How long a modern client may keep what we showed it; short, because a change of policy should bite. */
const TTL_MS = 5_000;

/** Ends the text of a result that we made for a modern client. */
export const MODERN_TAIL = `,"resultType":"complete","ttlMs":${TTL_MS},"cacheScope":"private","_meta":${JSON.stringify({ [META_SERVER_INFO]: SERVER_INFO })}}`;
