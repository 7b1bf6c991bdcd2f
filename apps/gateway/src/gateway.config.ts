import { z } from 'zod';

/** What the all-in-one process has beyond the settings of the services that it runs. */
export const gatewayProcessConfig = z.object({
  config: z.string().optional().describe('mcp-gateway.yaml that is applied on the first run'),
  edgeSocket: z.string().optional().describe('Unix socket for the edge instead of its port'),
  adminSocket: z.string().optional().describe('Unix socket for the admin API instead of its port'),
});
export type GatewayProcessConfig = z.infer<typeof gatewayProcessConfig>;
