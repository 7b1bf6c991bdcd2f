export { migrate } from './migrate.js';
export { createPool, transaction, type DatabaseRole, type PoolOptions } from './pool.js';
