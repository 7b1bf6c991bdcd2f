import { Inject, Injectable } from '@nestjs/common';
import type { AuditEntry, CallId, EntryId, OrganizationName } from '@mcpgw/contracts';
import { GatewayError } from '@mcpgw/contracts';
import { appendLeaves, canonicalize, EMPTY_FRONTIER, frontierBytes, frontierOf, leafHash, rootOf, type Frontier } from '@mcpgw/core-transparency-log';
import { CLOCK, type Clock } from '@mcpgw/platform-runtime';
import type { Queryable } from '../database/audit-database.js';
import { APPEND_SQL, LOCK_HEADS_SQL, NEW_HEADS_SQL } from './log-sql.js';

/** The writer of entries that no edge wrote. */
export const OWN_EDGE_ID = 'audit';

/** An entry with its canonical text. */
export interface WrittenEntry {
  readonly entry: AuditEntry;
  readonly text: string;
  readonly leaf: Buffer;
}

/** An entry of this service's own, before it has its place. */
export type OwnDraft = Omit<AuditEntry, 'v' | 'edge' | 'time'>;

export interface Changes {
  readonly entries: readonly (WrittenEntry | { readonly own: OwnDraft })[];
  /** Intents among the entries that stay open. */
  readonly opened: ReadonlySet<EntryId>;
  /** Calls whose intent, in the log before, is closed. */
  readonly closed: readonly { readonly organization: OrganizationName; readonly callId: CallId }[];
  /** What an edge handed over. */
  readonly cursor?: { readonly edgeId: string; readonly epoch: number; readonly seq: number };
}

export interface LogHead {
  readonly organization: OrganizationName;
  readonly size: number;
}

/** The heads of some logs, which nobody else can move while the transaction lasts. */
export type LockedHeads = ReadonlyMap<OrganizationName, Frontier>;

/** Appends to logs. Every method runs inside the caller's transaction. */
@Injectable()
export class LogWriter {
  private ownEpoch: number | undefined;

  constructor(@Inject(CLOCK) private readonly clock: Clock) {}

  /** In the order of their names, so that two transactions can't wait for each other. Makes the logs that don't exist. */
  async lockHeads(client: Queryable, organizations: readonly OrganizationName[]): Promise<LockedHeads> {
    const names = [...new Set(organizations)].sort();
    const lock = async (): Promise<Map<OrganizationName, Frontier>> => {
      const { rows } = await client.query<{ organization: OrganizationName; size: string; frontier: Buffer }>(LOCK_HEADS_SQL, [names]);
      return new Map(rows.map((row) => [row.organization, frontierOf(Number(row.size), row.frontier)]));
    };
    const heads = await lock();
    if (heads.size === names.length) return heads;
    await client.query(NEW_HEADS_SQL, [names.filter((name) => !heads.has(name)), rootOf(EMPTY_FRONTIER)]);
    return lock();
  }

  /** Gives the entries their indices, grows the trees and moves the heads. Throws `conflict` when a head isn't where it was locked. */
  async append(client: Queryable, heads: LockedHeads, changes: Changes): Promise<readonly LogHead[]> {
    const entries = await this.withOwnPlaces(client, changes.entries);
    const logs = new Map<OrganizationName, { readonly before: Frontier; readonly leaves: Buffer[] }>();
    const indices = entries.map(({ entry, leaf }) => {
      const { organization } = entry;
      let log = logs.get(organization);
      if (!log) {
        const before = heads.get(organization);
        if (!before) throw new Error(`The head of ${organization} is not locked.`);
        logs.set(organization, (log = { before, leaves: [] }));
      }
      log.leaves.push(leaf);
      return log.before.size + log.leaves.length - 1;
    });
    const grown = [...logs].map(([organization, { before, leaves }]) => ({ organization, before: before.size, ...appendLeaves(before, leaves) }));
    const opened = entries.flatMap(({ entry }, at) => (changes.opened.has(entry.entryId) ? [{ entry, idx: indices[at] as number }] : []));
    const { rows } = await client.query<{ moved: string }>(APPEND_SQL, [
      entries.map(({ entry }) => entry.organization),
      indices,
      entries.map(({ entry }) => entry.entryId),
      entries.map(({ entry }) => entry.callId),
      entries.map(({ entry }) => entry.phase),
      entries.map(({ entry }) => entry.time),
      // Canonical JSON holds no raw newline, and one long text is far cheaper to send than an array of quoted ones.
      entries.map(({ text }) => text).join('\n'),
      Buffer.concat(entries.map(({ leaf }) => leaf)),
      grown.map((log) => log.organization),
      grown.map((log) => log.before),
      grown.map((log) => log.size),
      grown.map((log) => log.root),
      grown.map((log) => frontierBytes(log.frontier)),
      changes.closed.map((call) => call.organization),
      changes.closed.map((call) => call.callId),
      opened.map(({ entry }) => entry.organization),
      opened.map(({ entry }) => entry.callId),
      opened.map(({ entry }) => entry.entryId),
      opened.map(({ idx }) => idx),
      opened.map(({ entry }) => entry.edge.id),
      opened.map(({ entry }) => entry.edge.epoch),
      changes.cursor ? [changes.cursor.edgeId] : [],
      changes.cursor ? [changes.cursor.epoch] : [],
      changes.cursor ? [changes.cursor.seq] : [],
    ]);
    if (Number(rows[0]?.moved) !== grown.length) throw new GatewayError('conflict', 'Another writer moved the head of a log.');
    return grown.map(({ organization, size }) => ({ organization, size }));
  }

  /** Numbers this service's own entries; the numbers are the transaction's, so that one that fails leaves no gap. */
  private async withOwnPlaces(client: Queryable, entries: Changes['entries']): Promise<readonly WrittenEntry[]> {
    if (!entries.some((item) => 'own' in item)) return entries as readonly WrittenEntry[];
    const { epoch, seq } = await this.lockOwnCursor(client);
    const time = new Date(this.clock.now()).toISOString();
    let last = seq;
    const placed = entries.map((item): WrittenEntry => {
      if (!('own' in item)) return item;
      last += 1;
      const entry: AuditEntry = { v: 1, ...item.own, edge: { id: OWN_EDGE_ID, epoch, seq: last }, time };
      const text = canonicalize(entry);
      return { entry, text, leaf: leafHash(text) };
    });
    await client.query('UPDATE edge_cursors SET committed_seq = $3, heard_at = now() WHERE edge_id = $1 AND epoch = $2', [OWN_EDGE_ID, epoch, last]);
    return placed;
  }

  private async lockOwnCursor(client: Queryable): Promise<{ readonly epoch: number; readonly seq: number }> {
    if (this.ownEpoch === undefined) {
      const { rows } = await client.query<{ epoch: string }>("SELECT nextval('writer_epochs') AS epoch");
      this.ownEpoch = Number(rows[0]?.epoch);
    }
    await client.query('INSERT INTO edge_cursors (edge_id, epoch, committed_seq) VALUES ($1, $2, 0) ON CONFLICT DO NOTHING', [OWN_EDGE_ID, this.ownEpoch]);
    const { rows } = await client.query<{ committed_seq: string }>('SELECT committed_seq FROM edge_cursors WHERE edge_id = $1 AND epoch = $2 FOR UPDATE', [OWN_EDGE_ID, this.ownEpoch]);
    return { epoch: this.ownEpoch, seq: Number(rows[0]?.committed_seq) };
  }
}
