import { Injectable } from '@nestjs/common';
import type { Checkpoint, LoggedEntry, OrganizationName } from '@mcpgw/contracts';
import { AuditDatabase } from '../database/audit-database.js';

/** Bodies in one answer: below the contract's 512 KiB, because quotes inside them grow in transit and NATS takes 1 MiB. */
const MAX_BODY_BYTES = 393_216;
const MAX_FOUND = 100;

interface EntryRow {
  readonly index: string;
  readonly body: string;
  readonly leafHash: string;
}

/** Answers about the log; nothing here changes it. */
@Injectable()
export class ReadLog {
  constructor(private readonly database: AuditDatabase) {}

  heads(): Promise<{ readonly organization: OrganizationName; readonly size: number; readonly rootHash: string }[]> {
    return this.database.read(async (client) => {
      const { rows } = await client.query<{ organization: OrganizationName; size: string; rootHash: string }>(`SELECT organization, size, encode(root, 'hex') AS "rootHash" FROM log_heads ORDER BY organization`);
      return rows.map((row) => ({ ...row, size: Number(row.size) }));
    });
  }

  entries(query: { readonly organization: OrganizationName; readonly from: number; readonly limit: number; readonly since?: string | undefined }): Promise<{ entries: LoggedEntry[]; size: number; next: number }> {
    return this.database.read(async (client) => {
      const { rows } = await client.query<EntryRow>(
        `SELECT idx AS index, body, encode(leaf, 'hex') AS "leafHash" FROM (
           SELECT idx, body, leaf, sum(octet_length(body)) OVER (ORDER BY idx) AS total, row_number() OVER (ORDER BY idx) AS place FROM (
             SELECT idx, body, leaf FROM entries WHERE organization = $1 AND idx >= $2 AND ($4::timestamptz IS NULL OR time >= $4) ORDER BY idx LIMIT $3
           ) AS page
         ) AS measured WHERE total <= $5 OR place = 1 ORDER BY idx`,
        [query.organization, query.from, query.limit, query.since ?? null, MAX_BODY_BYTES],
      );
      // Read after the entries, so that it is never less than they say.
      const head = await client.query<{ size: string }>('SELECT size FROM log_heads WHERE organization = $1', [query.organization]);
      const size = Number(head.rows[0]?.size ?? 0);
      const entries = rows.map((row) => ({ ...row, index: Number(row.index) }));
      const last = entries.at(-1);
      return { entries, size, next: last ? last.index + 1 : Math.max(query.from, query.since === undefined ? 0 : size) };
    });
  }

  /** By call id or by the id of any entry of the call. */
  find(id: string, organization: OrganizationName | undefined): Promise<(LoggedEntry & { organization: OrganizationName })[]> {
    return this.database.read(async (client) => {
      const { rows } = await client.query<EntryRow & { organization: OrganizationName }>(
        `SELECT organization, idx AS index, body, encode(leaf, 'hex') AS "leafHash" FROM entries
         WHERE call_id IN (SELECT call_id FROM entries WHERE entry_id = $1 UNION SELECT $1) AND ($2::text IS NULL OR organization = $2)
         ORDER BY organization, idx LIMIT ${MAX_FOUND}`,
        [id, organization ?? null],
      );
      return rows.map((row) => ({ ...row, index: Number(row.index) }));
    });
  }

  checkpoints(organization: OrganizationName, afterSize: number, limit: number): Promise<Checkpoint[]> {
    return this.database.read(async (client) => {
      const { rows } = await client.query<{ size: string; rootHash: string; note: string; at: Date }>(`SELECT size, encode(root, 'hex') AS "rootHash", note, at FROM checkpoints WHERE organization = $1 AND size > $2 ORDER BY size LIMIT $3`, [organization, afterSize, limit]);
      return rows.map((row) => ({ ...row, size: Number(row.size), at: row.at.toISOString() }));
    });
  }
}
