import 'reflect-metadata';
import { registryConfig, RegistryModule } from '@mcpgw/feature-registry';
import { migrateWhenReachable } from '@mcpgw/platform-database';
import { runService } from '@mcpgw/platform-runtime';

await runService(
  'registry',
  registryConfig,
  (config) => ({ module: RegistryModule.forRoot(config) }),
  async (config, logger, signal) => {
    await migrateWhenReachable(config.databaseUrl, (message) => logger.warn({}, message), signal);
  },
);
