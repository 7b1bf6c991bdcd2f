import type { GatewayConfig } from '@mcpgw/contracts';
import type { Finding } from './findings.js';

/** What the roles of a configuration say that can't be compiled or can't be meant; empty: every rule becomes a policy. */
export function checkRoles(config: GatewayConfig): readonly Finding[] {
  return config.roles.flatMap(() => []);
}
