import { serverHealth, serviceStatus } from '@mcpgw/contracts';
import { z } from 'zod';

/** What GET /api/v1/status says. */
export const gatewayStatus = z.object({
  ready: z.boolean(),
  services: z.array(serviceStatus.extend({ up: z.boolean() })),
  servers: z.array(z.object({ organization: z.string(), name: z.string(), health: serverHealth })),
});
export type GatewayStatus = z.infer<typeof gatewayStatus>;

/** Whether a service's problem is really one of an MCP server, which the list of servers says too. */
export function aboutServer({ component }: { readonly component: string }): boolean {
  return component.startsWith('server ');
}
