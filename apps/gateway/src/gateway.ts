import path from 'node:path';
import { adminConfig, AdminModule } from '@mcpgw/feature-admin';
import { auditConfig, AuditModule } from '@mcpgw/feature-audit';
import { billingConfig, BillingModule } from '@mcpgw/feature-billing';
import { edgeConfig, EdgeModule } from '@mcpgw/feature-edge';
import { policyConfig, PolicyModule } from '@mcpgw/feature-policy';
import { registryConfig, RegistryModule } from '@mcpgw/feature-registry';
import { runnerConfig, RunnerModule } from '@mcpgw/feature-runner';
import type { Bus } from '@mcpgw/platform-bus';
import { migrateWhenReachable, startEmbeddedPostgres } from '@mcpgw/platform-database';
import { createContext, loadConfig, openBus, startService, startTelemetry, type CommonConfig, type Logger, type RunningService, type ServiceBlueprint, type ServiceName } from '@mcpgw/platform-runtime';
import { claimDataDirectory } from './data-directory.js';
import { gatewayProcessConfig, type GatewayProcessConfig } from './gateway.config.js';

export interface RunningGateway {
  readonly config: GatewayProcessConfig;
  readonly bus: Bus;
  /** Undefined where a socket is used instead of a port. */
  readonly edgeUrl: string | undefined;
  readonly adminUrl: string | undefined;
  readonly metricsUrl: string;
  close(): Promise<void>;
}

type Undo = () => Promise<void> | void;

/**
 * All seven services in this process: the same modules as in processes of their own, on the memory bus (or NATS when
 * configured) and the embedded Postgres (or the one that is configured). What was started is stopped in reverse order,
 * also when a later step fails.
 */
export async function startGateway(common: CommonConfig, logger: Logger, signal: AbortSignal): Promise<RunningGateway> {
  const undo: Undo[] = [];
  const close = async (): Promise<void> => {
    for (const step of undo.splice(0).reverse()) await step();
  };
  try {
    const config = loadConfig(gatewayProcessConfig);
    undo.push(claimDataDirectory(common.dataDir));
    const databaseUrl = common.databaseUrl ?? (await embeddedDatabase(common, config, logger, undo));
    const applied = await migrateWhenReachable(databaseUrl, (message) => logger.warn({}, message), signal);
    if (applied.length > 0) logger.info({ applied }, 'the database schema is up to date');
    const bus = await openBus(common, 'gateway', logger, signal);
    undo.push(() => bus.close());
    const services = new Map<ServiceName, RunningService>();
    const telemetry = await startTelemetry({
      service: 'gateway',
      host: common.metricsHost,
      port: common.metricsPort, allowedHosts: common.metricsAllowedHosts,
      otlpEndpoint: common.otlpEndpoint,
      healths: () => [...services.values()].map((service) => service.health),
      logger,
    });
    undo.push(() => telemetry.close());
    await startServices(common, blueprints(databaseUrl, common, config), bus, logger, services, undo);
    return { config, bus, edgeUrl: services.get('edge')?.url, adminUrl: services.get('admin')?.url, metricsUrl: telemetry.url, close };
  } catch (error) {
    await close();
    throw error;
  }
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

/** In the order they start; they stop the other way round: the edge first, then those that take what it still hands over. */
function blueprints(databaseUrl: string, common: CommonConfig, { edgeSocket, adminSocket }: GatewayProcessConfig): ReadonlyMap<ServiceName, ServiceBlueprint> {
  const edge = loadConfig(edgeConfig);
  const admin = loadConfig(adminConfig);
  return new Map<ServiceName, ServiceBlueprint>([
    ['registry', { module: RegistryModule.forRoot(loadConfig(registryConfig, { databaseUrl })) }],
    ['audit', { module: AuditModule.forRoot(loadConfig(auditConfig, { databaseUrl })) }],
    ['billing', { module: BillingModule.forRoot(loadConfig(billingConfig, { databaseUrl })) }],
    ['policy', { module: PolicyModule.forRoot(loadConfig(policyConfig)) }],
    ['runner', { module: RunnerModule.forRoot({ ...loadConfig(runnerConfig), dataDir: common.dataDir, keysDir: common.keysDir }) }],
    ['admin', { module: AdminModule.forRoot(admin), listen: { host: admin.adminHost, port: admin.adminPort, socketPath: adminSocket, bodyLimit: admin.adminMaxBodyBytes } }],
    ['edge', { module: EdgeModule.forRoot(edge), listen: { host: edge.edgeHost, port: edge.edgePort, socketPath: edgeSocket, bodyLimit: edge.maxBodyBytes } }],
  ]);
}

async function startServices(common: CommonConfig, wanted: ReadonlyMap<ServiceName, ServiceBlueprint>, bus: Bus, logger: Logger, running: Map<ServiceName, RunningService>, undo: Undo[]): Promise<void> {
  for (const [name, { module, listen }] of wanted) {
    const service = await startService(createContext(name, bus, logger, common), module, listen).catch((error: unknown) => {
      throw portTaken(error, name) ?? error;
    });
    running.set(name, service);
    undo.push(() => service.close());
  }
}

function portTaken(error: unknown, name: ServiceName): Error | undefined {
  const { code, port } = error as { code?: string; port?: number };
  if (code !== 'EADDRINUSE') return undefined;
  const variable = `MCPGW_${name.toUpperCase()}_PORT`;
  return new Error(`The port ${port ?? ''} of the ${name} service is taken by another program. Stop that program, or set ${variable} to another port (0: any free one).`, { cause: error });
}
