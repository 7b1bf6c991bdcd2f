import { GatewayError, type OrganizationName, type ServerDefinition, type ServerName } from '@mcpgw/contracts';
import { discoverServer } from '@mcpgw/core-mcp-wire';
import type { Clock } from '@mcpgw/platform-runtime';
import type { InstancePool } from '../instance/instance-pool.js';

/** Less than the contract's own deadline: the caller should hear our reason, not that of the bus. */
const DISCOVER_MS = 40_000;

/**
 * Starts the server where it isn't running and lists what it offers. Asked for by the registry on behalf of an operator, so
 * that a failure comes with the server's last words.
 */
export class Discover {
  constructor(
    private readonly pool: InstancePool,
    private readonly clock: Clock,
  ) {}

  async run(organization: OrganizationName, server: ServerName, revision: number): Promise<ServerDefinition> {
    const deadline = this.clock.now() + DISCOVER_MS;
    try {
      const instance = await this.pool.acquire(organization, server, revision);
      return await discoverServer((method, params) => instance.invoke(method, params, { timeoutMs: Math.max(1, deadline - this.clock.now()) }), instance.server);
    } catch (error) {
      const problem = this.pool.problemOf(organization, server);
      if (error instanceof GatewayError && problem !== undefined && (error.code === 'upstream_failed' || error.code === 'upstream_lost')) throw new GatewayError(error.code, problem, { cause: error });
      throw error;
    }
  }
}
