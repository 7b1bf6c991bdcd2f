import { serverHealth, serviceStatus } from '@mcpgw/contracts';
import { z } from 'zod';

/** What GET /api/v1/status says. */
export const gatewayStatus = z.object({
  ready: z.boolean(),
  services: z.array(serviceStatus.extend({ up: z.boolean() })),
  servers: z.array(z.object({ organization: z.string(), name: z.string(), health: serverHealth })),
});
export type GatewayStatus = z.infer<typeof gatewayStatus>;
