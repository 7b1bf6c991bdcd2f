import { RUNNER_HEARTBEAT_MS, runnerHeartbeat } from '@mcpgw/contracts';
import type { Bus } from '@mcpgw/platform-bus';
import { SecretBox, type Clock, type Health, type KeyFiles, type Logger } from '@mcpgw/platform-runtime';
import { Discover } from './discover/discover.js';
import { InstancePool } from './instance/instance-pool.js';
import { Invoke } from './invoke/invoke.js';
import type { RunnerConfig } from './runner.config.js';
import { SandboxHost, thisMachine } from './sandbox/sandbox-host.js';
import { Watches } from './watch/watches.js';

/** The runner, put together: what the controller translates for and what the module starts and stops. */
export class RunnerParts {
  readonly invoke: Invoke;
  readonly discover: Discover;
  readonly secrets: SecretBox;
  readonly pool: InstancePool;
  readonly watches: Watches;
  private readonly host: SandboxHost;
  private readonly heartbeat: NodeJS.Timeout;

  constructor(config: RunnerConfig, bus: Bus, keyFiles: KeyFiles, clock: Clock, health: Health, logger: Logger) {
    this.secrets = new SecretBox(keyFiles.symmetric('secrets'));
    this.host = new SandboxHost(config, thisMachine(), health, logger);
    this.pool = new InstancePool({
      bus,
      clock,
      health,
      logger,
      secrets: this.secrets,
      sandbox: () => this.host.sandbox(),
      idleMs: config.runnerIdleSeconds * 1_000,
      maxInstances: config.runnerMaxInstances,
      scopeIdleMs: config.runnerScopeIdleSeconds * 1_000,
      maxScopes: config.runnerMaxScopes,
      startTimeoutMs: config.runnerStartTimeoutSeconds * 1_000,
      maxLineBytes: config.runnerMaxLineBytes,
    });
    this.invoke = new Invoke(this.pool, bus, clock);
    this.watches = new Watches((organization, server, uris) => this.pool.watch(organization, server, uris), clock);
    this.discover = new Discover(this.pool, clock);
    this.heartbeat = setInterval(() => {
      const calls = this.invoke.calls();
      if (calls.length > 0) bus.publish(runnerHeartbeat, { instance: health.instance, calls });
    }, RUNNER_HEARTBEAT_MS).unref();
    health.detail('sandbox', () => this.host.kind());
    health.detail('instances', () => this.pool.describe());
  }

  /** Stops all servers first: their control groups are empty when the host closes. */
  async close(): Promise<void> {
    this.watches.close();
    await this.pool.close();
    clearInterval(this.heartbeat);
    await this.host.close();
  }
}
