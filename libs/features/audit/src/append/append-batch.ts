import { Inject, Injectable } from '@nestjs/common';
import { LOGGER, type Logger } from '@mcpgw/platform-runtime';
import { CloseIntents } from '../close/close-intents.js';
import { AuditDatabase, type Queryable } from '../database/audit-database.js';
import { LogNews } from '../log/log-news.js';
import { LogWriter, type LogHead, type WrittenEntry } from '../log/log-writer.js';
import { retried } from '../log/retried.js';
import { parseBatch, type AppendRequest } from './parse-batch.js';
import { planBatch, type BatchPlan, type KnownEntry } from './plan-batch.js';

export interface Receipt {
  readonly edgeId: string;
  readonly epoch: number;
  readonly committedSeq: number;
}

/** Edges whose epoch this process knows to be announced; those of others are looked up. */
const MAX_ANNOUNCED = 10_000;

/**
 * Each id is looked up by its index. `= ANY` would leave that to the planner, which takes hundreds of ids for most of a table it
 * has no statistics of, and reads all of it; OFFSET 0 keeps it from turning this back into that.
 */
const KNOWN_SQL = `
SELECT found.* FROM unnest($1::uuid[]) AS asked (id)
  CROSS JOIN LATERAL (SELECT organization, entry_id AS "entryId", call_id AS "callId", phase FROM entries WHERE call_id = asked.id OFFSET 0) AS found
UNION
SELECT found.* FROM unnest($2::uuid[]) AS asked (id)
  CROSS JOIN LATERAL (SELECT organization, entry_id, call_id, phase FROM entries WHERE entry_id = asked.id OFFSET 0) AS found`;

/** Takes a batch into the log: once, in its order, in one transaction. What it returns is the commit receipt. */
@Injectable()
export class AppendBatch {
  private readonly announced = new Map<string, number>();

  constructor(
    @Inject(LOGGER) private readonly logger: Logger,
    private readonly database: AuditDatabase,
    private readonly writer: LogWriter,
    private readonly closeIntents: CloseIntents,
    private readonly news: LogNews,
  ) {}

  async run(request: AppendRequest): Promise<Receipt> {
    const { edgeId, epoch, lastSeq } = request;
    const batch = parseBatch(request);
    if (this.announced.get(edgeId) !== epoch) await this.beginEpoch(edgeId, epoch);
    const { heads, plan } = await retried((attempt) => this.database.write((client) => this.commit(client, request, batch, attempt)));
    if (this.announced.size >= MAX_ANNOUNCED) this.announced.clear();
    this.announced.set(edgeId, epoch);
    if (plan.endedTwice.length > 0) this.logger.error({ edgeId, epoch, calls: plan.endedTwice.slice(0, 10) }, 'an edge ended calls twice; the second end is logged as late');
    this.news.committed(heads, plan.entries.length);
    return { edgeId, epoch, committedSeq: lastSeq };
  }

  /** The first batch of a newer epoch: what its older ones left open will never get an outcome. */
  private async beginEpoch(edgeId: string, epoch: number): Promise<void> {
    const newest = await this.database.read(async (client) => {
      const { rows } = await client.query<{ newest: string | null }>('SELECT max(epoch) AS newest FROM edge_cursors WHERE edge_id = $1', [edgeId]);
      return Number(rows[0]?.newest ?? 0);
    });
    if (epoch > newest) await this.closeIntents.ofOlderEpochs(edgeId, epoch);
  }

  private async commit(client: Queryable, request: AppendRequest, batch: readonly WrittenEntry[], attempt: number): Promise<{ readonly heads: readonly LogHead[]; readonly plan: BatchPlan }> {
    const locked = await this.writer.lockHeads(client, batch.map(({ entry }) => entry.organization));
    const plan = planBatch(batch, batch.length === 0 ? [] : await this.known(client, batch, attempt > 0));
    const cursor = { edgeId: request.edgeId, epoch: request.epoch, seq: request.lastSeq };
    return { heads: await this.writer.append(client, locked, { ...plan, cursor }), plan };
  }

  /** Read after the heads are locked, so that nothing of these calls can be added meanwhile. */
  private async known(client: Queryable, batch: readonly WrittenEntry[], byEntryId: boolean): Promise<readonly KnownEntry[]> {
    const calls = [...new Set(batch.map(({ entry }) => entry.callId))];
    const ids = byEntryId ? batch.map(({ entry }) => entry.entryId) : [];
    const { rows } = await client.query<KnownEntry>(KNOWN_SQL, [calls, ids]);
    return rows;
  }
}
