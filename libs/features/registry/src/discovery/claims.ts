import { Inject, Injectable } from '@nestjs/common';
import { organizationName, serverConfig, serverName, type OrganizationName, type ServerConfig, type ServerName } from '@mcpgw/contracts';
import { HEALTH, Health } from '@mcpgw/platform-runtime';
import { Database } from '../store/database.js';

/** A claim is renewed while its holder lives; after kill -9 another replica, or the next start, asks this much later. */
const LEASE_SECONDS = 10;

export type TransportKind = 'stdio' | 'http';

export interface ClaimQuery {
  readonly limit: number;
  readonly kinds: readonly TransportKind[];
  /** Those whose last question failed, or those whose last didn't. */
  readonly failing: boolean;
}

/** A server that this replica alone asks until it settles the claim. */
export interface Claim {
  readonly organization: OrganizationName;
  readonly server: ServerName;
  readonly config: ServerConfig;
  readonly revision: number;
  readonly failures: number;
  /** Postgres's clock. */
  readonly at: Date;
}

interface ClaimedRow {
  readonly organization: string;
  readonly name: string;
  readonly config: unknown;
  readonly revision: bigint;
  readonly failures: number;
  readonly at: Date;
}

/** Which server is asked next, and by whom: rows of the servers table, claimed with SKIP LOCKED by Postgres's own clock. */
@Injectable()
export class Claims {
  readonly holder: string;

  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(HEALTH) health: Health,
  ) {
    this.holder = health.instance;
  }

  async claim({ limit, kinds, failing }: ClaimQuery): Promise<readonly Claim[]> {
    if (limit <= 0 || kinds.length === 0) return [];
    const rows = await this.database.query(
      (client) => client.$queryRaw<ClaimedRow[]>`
        WITH due AS (
          SELECT organization, name FROM registry.servers
          WHERE CASE WHEN claimed_until IS NULL THEN next_ask_at <= now() ELSE claimed_until <= now() END
            AND (failures > 0) = ${failing}
            AND CASE WHEN config->'stdio' IS NULL THEN 'http' ELSE 'stdio' END = ANY(${kinds}::text[])
          ORDER BY next_ask_at NULLS FIRST LIMIT ${limit} FOR UPDATE SKIP LOCKED
        )
        UPDATE registry.servers AS server
        SET claimed_by = ${this.holder}, claimed_until = now() + make_interval(secs => ${LEASE_SECONDS}), next_ask_at = NULL
        FROM due WHERE server.organization = due.organization AND server.name = due.name
        RETURNING server.organization, server.name, server.config, server.revision, server.failures, now() AS at`,
    );
    return rows.map((row) => ({
      organization: organizationName.parse(row.organization),
      server: serverName.parse(row.name),
      config: serverConfig.parse(row.config),
      revision: Number(row.revision),
      failures: row.failures,
      at: row.at,
    }));
  }

  /** Rows that somebody writes at this moment are left for the next time: the lease is longer than that. */
  async renew(claims: readonly Claim[]): Promise<void> {
    await this.database.query(
      (client) => client.$executeRaw`
        UPDATE registry.servers AS server SET claimed_until = now() + make_interval(secs => ${LEASE_SECONDS})
        FROM (
          SELECT organization, name FROM registry.servers
          WHERE claimed_by = ${this.holder} AND (organization, name) IN (SELECT * FROM unnest(${claims.map((claim) => claim.organization)}::text[], ${claims.map((claim) => claim.server)}::text[]))
          FOR UPDATE SKIP LOCKED
        ) AS held
        WHERE server.organization = held.organization AND server.name = held.name`,
    );
  }

  /**
   * Has these servers asked soon: at once, or a second after they were asked last. Hints that come while a question is under
   * way lead to one more question, however many they are.
   */
  async request(servers: readonly { readonly organization: string; readonly server: string }[]): Promise<void> {
    await this.database.write(
      (tx) => tx.$executeRaw`
        UPDATE registry.servers AS server
        SET next_ask_at = LEAST(server.next_ask_at, GREATEST(now(), COALESCE(server.claimed_until - make_interval(secs => ${LEASE_SECONDS}), server.asked_at) + interval '1 second'))
        FROM unnest(${servers.map((row) => row.organization)}::text[], ${servers.map((row) => row.server)}::text[]) AS hinted (organization, name)
        WHERE server.organization = hinted.organization AND server.name = hinted.name`,
    );
  }

  /** Has one server asked now. Returns Postgres's time, from which on a question counts as new; `undefined`: no such server. */
  async requestNow(organization: OrganizationName, server: ServerName): Promise<Date | undefined> {
    const rows = await this.database.query(
      (client) => client.$queryRaw<{ at: Date }[]>`UPDATE registry.servers SET next_ask_at = now() WHERE organization = ${organization} AND name = ${server} RETURNING now() AS at`,
    );
    return rows[0]?.at;
  }
}
