/** What the gateway says of itself; for display only. */
export const SERVER_INFO = { name: 'mcp-gateway', version: '0.1.0' } as const;
