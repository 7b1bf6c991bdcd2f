import { PrismaPg } from '@prisma/adapter-pg';
import { Prisma, PrismaClient } from './generated/client.js';

export { Prisma };
/** The Prisma client as the registry's own role: another service's models are in its types and out of its reach. */
export type RegistryClient = PrismaClient;
export type RegistryTransaction = Prisma.TransactionClient;

export interface RegistryClientOptions {
  readonly url: string;
  readonly maxConnections?: number;
  /** Told about errors of idle connections (the server went away); the pool replaces them by itself. */
  readonly onError: (error: Error) => void;
}

/** Connects on first use; `$disconnect()` closes the pool. */
export function createRegistryClient({ url, maxConnections = 6, onError }: RegistryClientOptions): RegistryClient {
  const pool = {
    connectionString: url,
    max: maxConnections,
    connectionTimeoutMillis: 3_000,
    idleTimeoutMillis: 30_000,
    statement_timeout: 30_000,
    application_name: 'mcpgw-registry',
    // The adapter drops the zone of a time in both directions: any other zone would shift it.
    options: '-c role=mcpgw_registry -c search_path=registry -c timezone=UTC',
  };
  return new PrismaClient({ adapter: new PrismaPg(pool, { schema: 'registry', onPoolError: onError, onConnectionError: onError }) });
}
