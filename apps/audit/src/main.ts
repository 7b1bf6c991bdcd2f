import 'reflect-metadata';
import { auditConfig, AuditModule } from '@mcpgw/feature-audit';
import { migrateWhenReachable } from '@mcpgw/platform-database';
import { runService } from '@mcpgw/platform-runtime';

await runService(
  'audit',
  auditConfig,
  (config) => ({ module: AuditModule.forRoot(config) }),
  async (config, logger, signal) => {
    await migrateWhenReachable(config.databaseUrl, (message) => logger.warn({}, message), signal);
  },
);
