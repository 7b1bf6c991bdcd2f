import 'reflect-metadata';
import { billingConfig, BillingModule } from '@mcpgw/feature-billing';
import { migrateWhenReachable } from '@mcpgw/platform-database';
import { runService } from '@mcpgw/platform-runtime';

await runService(
  'billing',
  billingConfig,
  (config) => ({ module: BillingModule.forRoot(config) }),
  async (config, logger, signal) => {
    await migrateWhenReachable(config.databaseUrl, (message) => logger.warn({}, message), signal);
  },
);
