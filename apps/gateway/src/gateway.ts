import path from 'node:path';
import { MessageChannel } from 'node:worker_threads';
import { edgeConfig, EdgeModule } from '@mcpgw/feature-edge';
import { runnerConfig, RunnerModule } from '@mcpgw/feature-runner';
import { ThreadBus, type Bus } from '@mcpgw/platform-bus';
import { migrateWhenReachable, startEmbeddedPostgres } from '@mcpgw/platform-database';
import { loadConfig, openBus, startTelemetry, type CommonConfig, type Logger, type RunningService, type ServiceBlueprint, type ServiceName } from '@mcpgw/platform-runtime';
import { startBackOffice } from './back-office-thread.js';
import { claimDataDirectory } from './data-directory.js';
import { gatewayProcessConfig, type GatewayProcessConfig } from './gateway.config.js';
import { startServices, undoAll, type Undo } from './start-services.js';

export interface RunningGateway {
  readonly config: GatewayProcessConfig;
  readonly bus: Bus;
  /** Undefined where a socket is used instead of a port. */
  readonly edgeUrl: string | undefined;
  readonly adminUrl: string | undefined;
  readonly metricsUrl: string | undefined;
  close(): Promise<void>;
}

/**
 * All seven services in this process: the same modules as in processes of their own, on the embedded Postgres (or the one that
 * is configured) and a bus in memory (or NATS when configured). The edge and the runner have this thread, which starts the
 * sandboxes (they end with the thread that started them); the others share a second one. What was started is stopped in
 * reverse order, also when a later step fails: the edge first, the database last.
 */
export async function startGateway(common: CommonConfig, logger: Logger, signal: AbortSignal): Promise<RunningGateway> {
  const undo: Undo[] = [];
  try {
    const config = loadConfig(gatewayProcessConfig);
    undo.push(claimDataDirectory(common.dataDir));
    const databaseUrl = common.databaseUrl ?? (await embeddedDatabase(common, config, logger, undo));
    const applied = await migrateWhenReachable(databaseUrl, (message) => logger.warn({}, message), signal);
    if (applied.length > 0) logger.info({ applied }, 'the database schema is up to date');
    const { bus, farEnd } = await openBothEnds(common, logger, signal);
    undo.push(() => bus.close());
    const backOffice = startBackOffice({ databaseUrl, adminSocket: config.adminSocket }, farEnd, logger);
    undo.push(() => backOffice.close());
    const services = new Map<ServiceName, RunningService>();
    const telemetry = await startTelemetry({
      service: 'gateway',
      host: common.metricsHost,
      port: config.edgeSocket ? undefined : common.metricsPort,
      allowedHosts: common.metricsAllowedHosts,
      otlpEndpoint: common.otlpEndpoint,
      statuses: () => [...backOffice.statuses(), ...[...services.values()].map((service) => service.health.status())],
      logger,
    });
    undo.push(() => telemetry.close());
    const [{ adminUrl }] = await Promise.all([backOffice.up, startServices(common, frontServices(common, config), bus, logger, services, undo)]);
    return { config, bus, edgeUrl: services.get('edge')?.url, adminUrl, metricsUrl: telemetry.url, close: () => undoAll(undo) };
  } catch (error) {
    await undoAll(undo);
    throw error;
  }
}

async function openBothEnds(common: CommonConfig, logger: Logger, signal: AbortSignal): Promise<{ bus: Bus; farEnd: MessageChannel['port2'] | undefined }> {
  if (common.natsUrl) return { bus: await openBus(common, 'gateway', logger, signal), farEnd: undefined };
  const { port1, port2 } = new MessageChannel();
  return { bus: new ThreadBus(port1, (error, subject) => logger.error({ err: error, subject }, 'a message handler failed')), farEnd: port2 };
}

async function embeddedDatabase(common: CommonConfig, config: GatewayProcessConfig, logger: Logger, undo: Undo[]): Promise<string> {
  const postgres = await startEmbeddedPostgres({
    directory: path.join(common.dataDir, 'postgres'),
    listen: config.edgeSocket ? 'socket' : 'tcp',
    onExit: (lastLines) => {
      logger.error({ lastLines }, 'the embedded Postgres ended; the spool holds new entries; stopping so that a restart brings it back');
      process.kill(process.pid, 'SIGTERM');
    },
  });
  undo.push(() => postgres.stop());
  return postgres.url;
}

/** The edge is the last to start and the first to stop: it drains while those that take its entries still run. */
function frontServices(common: CommonConfig, { edgeSocket }: GatewayProcessConfig): ReadonlyMap<ServiceName, ServiceBlueprint> {
  const edge = loadConfig(edgeConfig);
  return new Map<ServiceName, ServiceBlueprint>([
    ['runner', { module: RunnerModule.forRoot({ ...loadConfig(runnerConfig), dataDir: common.dataDir, keysDir: common.keysDir }) }],
    ['edge', { module: EdgeModule.forRoot(edge), listen: { host: edge.edgeHost, port: edge.edgePort, socketPath: edgeSocket, bodyLimit: edge.maxBodyBytes } }],
  ]);
}
