import { Inject, Injectable } from '@nestjs/common';
import { GatewayError } from '@mcpgw/contracts';
import { createPool, transaction } from '@mcpgw/platform-database';
import { HEALTH, Health, LOGGER, Periodic, type Logger } from '@mcpgw/platform-runtime';
import type pg from 'pg';
import { AUDIT_CONFIG, type AuditConfig } from '../audit.config.js';

const WATCH_MS = 1_000;
/**
 * Every statement finds its rows by an index. The planner must not prefer to read the whole log, as it does for the hundreds of
 * ids of a batch while it knows little of the table: an append would take longer the longer the log is.
 */
const PLANNER = ['enable_seqscan=off', 'random_page_cost=1.1'];

/** Statements that run in one transaction, or one after the other. */
export type Queryable = Pick<pg.ClientBase, 'query'>;

/**
 * The service's way to Postgres. A Postgres that is away, or whose tables aren't there yet, is `unavailable` to whoever asks:
 * edges keep their entries until it is back. HEALTH says so; nothing has to be restarted.
 */
@Injectable()
export class AuditDatabase {
  private readonly pool: pg.Pool;
  private readonly watch: Periodic;
  private failing = true;

  constructor(
    @Inject(AUDIT_CONFIG) config: AuditConfig,
    @Inject(HEALTH) private readonly health: Health,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    this.pool = createPool({ url: config.databaseUrl, role: 'audit', maxConnections: config.auditConnections, settings: PLANNER, onError: (error) => this.report(error) });
    this.watch = new Periodic(WATCH_MS, () => this.look(), () => {});
    health.require('database', 'Start Postgres, or correct MCPGW_DATABASE_URL.');
  }

  /** Whether the last look or statement found it usable. */
  usable(): boolean {
    return !this.failing;
  }

  start(): void {
    void this.watch.start();
  }

  async close(): Promise<void> {
    await this.watch.close();
    await this.pool.end();
  }

  read<T>(work: (client: Queryable) => Promise<T>): Promise<T> {
    return this.guarded(async () => {
      const client = await this.pool.connect();
      try {
        return await work(client);
      } finally {
        client.release();
      }
    });
  }

  /** All of it or nothing. Rejects with `conflict` when another writer was faster: the same work can be tried again. */
  write<T>(work: (client: Queryable) => Promise<T>): Promise<T> {
    return this.guarded(() => transaction(this.pool, work));
  }

  private async guarded<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof GatewayError) throw error;
      if (isConflict(error)) throw new GatewayError('conflict', 'Another writer was faster.', { cause: error });
      this.report(error);
      throw new GatewayError('unavailable', `The audit database can't be used: ${reason(error)}`, { cause: error });
    }
  }

  private async look(): Promise<void> {
    try {
      await this.pool.query('SELECT 1 FROM log_heads LIMIT 1');
      if (this.failing) this.logger.info({}, 'the audit database can be used');
      this.failing = false;
      this.health.ok('database');
    } catch (error) {
      this.report(error);
    }
  }

  private report(error: unknown): void {
    if (!this.failing) this.logger.warn({ err: reason(error) }, 'the audit database cannot be used');
    this.failing = true;
    this.health.fail('database', { message: `The audit database can't be used: ${reason(error)} Entries wait in the spools of the edges.`, action: 'Start Postgres, apply the migrations, or correct MCPGW_DATABASE_URL; it is tried again by itself.' });
  }
}

/** Serialization failure, deadlock, unique violation: what two writers do to each other. */
const CONFLICTS: ReadonlySet<string> = new Set(['40001', '40P01', '23505']);
/** Schema, table or role is missing. */
const UNMIGRATED: ReadonlySet<string> = new Set(['3F000', '42P01', '22023', '28000']);

function codeOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : '';
}

function isConflict(error: unknown): boolean {
  return CONFLICTS.has(codeOf(error));
}

/** Nothing of the connection string, which may hold a password. */
function reason(error: unknown): string {
  if (UNMIGRATED.has(codeOf(error))) return 'its tables are missing, the migrations have not run yet.';
  if (codeOf(error) === 'ECONNREFUSED') return 'nothing listens at its address.';
  return `${error instanceof Error ? error.message : 'unknown fault'}.`;
}
