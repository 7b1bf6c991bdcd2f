export { createRegistryClient, Prisma, type RegistryClient, type RegistryClientOptions, type RegistryTransaction } from './client.js';
export { startEmbeddedPostgres, type EmbeddedPostgres, type EmbeddedPostgresOptions } from './embedded/embedded-postgres.js';
export { migrate, migrateWhenReachable } from './migrate.js';
export { createPool, transaction, type DatabaseRole, type PoolOptions } from './pool.js';
