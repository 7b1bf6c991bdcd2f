import 'reflect-metadata';
import { parentPort, workerData, type MessagePort } from 'node:worker_threads';
import type { ServiceStatus } from '@mcpgw/contracts';
import { adminConfig, AdminModule } from '@mcpgw/feature-admin';
import { auditConfig, AuditModule } from '@mcpgw/feature-audit';
import { billingConfig, BillingModule } from '@mcpgw/feature-billing';
import { policyConfig, PolicyModule } from '@mcpgw/feature-policy';
import { registryConfig, RegistryModule } from '@mcpgw/feature-registry';
import { ThreadBus } from '@mcpgw/platform-bus';
import { commonConfig, createLogger, loadConfig, openBus, type RunningService, type ServiceBlueprint, type ServiceName } from '@mcpgw/platform-runtime';
import { startServices, undoAll, type Undo } from './start-services.js';

/** What the front thread gives this one. */
export interface BackOfficeData {
  readonly databaseUrl: string;
  readonly adminSocket: string | undefined;
  /** This thread's end of the bus, unless the services talk over NATS. */
  readonly busPort: MessagePort | undefined;
}

/** What this thread tells the front one. */
export type BackOfficeReport =
  | { readonly kind: 'up'; readonly adminUrl: string | undefined }
  | { readonly kind: 'failed'; readonly message: string }
  | { readonly kind: 'statuses'; readonly statuses: readonly ServiceStatus[] }
  | { readonly kind: 'closed' };

const STATUS_EVERY_MS = 250;

/** Everything that is not on the way of a call, in a thread of its own: Merkle trees and invoices never delay an answer. */
const { databaseUrl, adminSocket, busPort } = workerData as BackOfficeData;
const report = (message: BackOfficeReport): void => parentPort?.postMessage(message);
const undo: Undo[] = [];

try {
  const common = loadConfig(commonConfig);
  const logger = createLogger('gateway', common);
  const bus = busPort ? new ThreadBus(busPort, (error, subject) => logger.error({ err: error, subject }, 'a message handler failed')) : await openBus(common, 'gateway-back', logger);
  undo.push(() => bus.close());
  const admin = loadConfig(adminConfig);
  const blueprints = new Map<ServiceName, ServiceBlueprint>([
    ['registry', { module: RegistryModule.forRoot(loadConfig(registryConfig, { databaseUrl })) }],
    ['audit', { module: AuditModule.forRoot(loadConfig(auditConfig, { databaseUrl })) }],
    ['billing', { module: BillingModule.forRoot(loadConfig(billingConfig, { databaseUrl })) }],
    ['policy', { module: PolicyModule.forRoot(loadConfig(policyConfig)) }],
    ['admin', { module: AdminModule.forRoot(admin), listen: { host: admin.adminHost, port: admin.adminPort, socketPath: adminSocket, bodyLimit: admin.adminMaxBodyBytes } }],
  ]);
  const running = new Map<ServiceName, RunningService>();
  await startServices(common, blueprints, bus, logger, running, undo);
  const tell = (): void => report({ kind: 'statuses', statuses: [...running.values()].map((service) => service.health.status()) });
  const timer = setInterval(tell, STATUS_EVERY_MS);
  undo.push(() => clearInterval(timer));
  tell();
  report({ kind: 'up', adminUrl: running.get('admin')?.url });
} catch (error) {
  report({ kind: 'failed', message: error instanceof Error ? error.message : String(error) });
}

parentPort?.once('message', () => {
  void undoAll(undo).finally(() => {
    report({ kind: 'closed' });
    process.exit(0); // ends this thread alone
  });
});
