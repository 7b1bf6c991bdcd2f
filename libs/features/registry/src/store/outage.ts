import { Prisma } from '@mcpgw/platform-database';
import type { Problem } from '@mcpgw/platform-runtime';

/** SQLSTATE 42P01 undefined table, 3F000 unknown schema, 22023 a start parameter (the role) that doesn't exist. */
const UNMIGRATED = new Set(['42P01', '3F000', '22023']);
/** 08 connection, 53 out of resources, 57P shutting down or starting, 58 the server's own disk, 3D000 no such database, 28 not let in, 25006 read-only. */
const AWAY = /^(08|53|57P|58|28|3D000|25006)/;
/** Prisma: P1xxx can't reach or enter, P2024 no free connection in time, P2028 a transaction didn't start or end in time. */
const AWAY_PRISMA = /^(P1\d{3}|P2024|P2028)$/;
const AWAY_TEXT = /Connection terminated|ECONNRESET|ECONNREFUSED|EPIPE|timeout exceeded when trying to connect|Client has encountered a connection error/;

/** Whether a fault of a query is the database's and not the query's: nothing was wrong with the request, it may be sent again. */
export function outageOf(error: unknown, place: string): Problem | undefined {
  const state = sqlState(error);
  const code = error instanceof Prisma.PrismaClientKnownRequestError ? error.code : '';
  if (code === 'P2021' || (state !== undefined && UNMIGRATED.has(state))) {
    return { message: `The database at ${place} has no registry tables yet.`, action: 'Apply the migrations to it; this service goes on by itself.' };
  }
  const away = AWAY_PRISMA.test(code) || AWAY.test(state ?? '') || error instanceof Prisma.PrismaClientInitializationError || (error instanceof Error && AWAY_TEXT.test(error.message));
  return away ? { message: `Postgres at ${place} doesn't answer (${state ?? (code || 'connection lost')}).`, action: 'Start it, or set MCPGW_DATABASE_URL; this service goes on by itself.' } : undefined;
}

interface AdapterMeta {
  readonly driverAdapterError?: { readonly cause?: { readonly originalCode?: unknown; readonly code?: unknown } };
}

/** Where Prisma 7 keeps the SQLSTATE of an adapter's error. */
function sqlState(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const cause = error instanceof Prisma.PrismaClientKnownRequestError ? (error.meta as AdapterMeta | undefined)?.driverAdapterError?.cause : (error.cause as { originalCode?: unknown; code?: unknown } | undefined);
  const state = cause?.originalCode ?? cause?.code;
  return typeof state === 'string' ? state : undefined;
}
