import { migrateWhenReachable } from '@mcpgw/platform-database';
import { ConfigError, runProcess } from '@mcpgw/platform-runtime';

// The job that brings the database schema up to date and ends: run once before a release by whoever may change tables.
await runProcess('migrate', async (logger, common, signal) => {
  if (!common.databaseUrl) throw new ConfigError(['MCPGW_DATABASE_URL: is not set; it names the Postgres to migrate.']);
  const applied = await migrateWhenReachable(common.databaseUrl, (message) => logger.warn({}, message), signal);
  logger.info({ applied }, 'the database schema is up to date');
  process.exit(0);
});
