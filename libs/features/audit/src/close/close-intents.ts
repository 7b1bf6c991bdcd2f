import { Inject, Injectable } from '@nestjs/common';
import { auditEntry, type AuditEntry, type CallId, type EntryId, type OrganizationName } from '@mcpgw/contracts';
import { CLOCK, LOGGER, uuid7, type Clock, type Logger } from '@mcpgw/platform-runtime';
import { AuditDatabase, type Queryable } from '../database/audit-database.js';
import { LogNews } from '../log/log-news.js';
import { LogWriter, type OwnDraft } from '../log/log-writer.js';
import { retried } from '../log/retried.js';

/** Which open intents are meant: a condition on `open`, an alias of open_intents, with its parameters. */
interface Scope {
  readonly where: string;
  readonly parameters: readonly (string | number)[];
}

interface OpenIntent {
  readonly organization: OrganizationName;
  readonly callId: CallId;
  readonly intentId: EntryId;
  readonly body: string;
}

const CHUNK = 500;
/** No call lasts longer than an hour: an intent this old is over even when its edge still talks. */
const LONGEST_CALL_SECONDS = 7_200;

/** Closes, as `unknown`, calls that will never get an outcome: a kill -9 in mid-call is visible, never silent. */
@Injectable()
export class CloseIntents {
  constructor(
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOGGER) private readonly logger: Logger,
    private readonly database: AuditDatabase,
    private readonly writer: LogWriter,
    private readonly news: LogNews,
  ) {}

  /** The edge has begun `epoch`, and everything that its older runs wrote is in the log. */
  ofOlderEpochs(edgeId: string, epoch: number): Promise<number> {
    return this.all({ where: 'open.edge_id = $1 AND open.epoch < $2', parameters: [edgeId, epoch] });
  }

  /** Edges that were not heard of for so long don't come back; if one does, its outcomes are logged as late. */
  sweep(afterSeconds: number): Promise<number> {
    const heard = 'EXISTS (SELECT 1 FROM edge_cursors WHERE edge_cursors.edge_id = open.edge_id AND heard_at > now() - make_interval(secs => $1))';
    return this.all({
      where: `open.opened_at < now() - make_interval(secs => $1) AND (NOT ${heard} OR open.opened_at < now() - make_interval(secs => $2))`,
      parameters: [afterSeconds, Math.max(afterSeconds, LONGEST_CALL_SECONDS)],
    });
  }

  private async all(scope: Scope): Promise<number> {
    let total = 0;
    for (let count = CHUNK; count > 0; total += count) count = await retried(() => this.chunk(scope));
    if (total > 0) this.logger.warn({ calls: total }, 'calls without an outcome were closed as unknown');
    return total;
  }

  private async chunk(scope: Scope): Promise<number> {
    const { heads, count } = await this.database.write(async (client) => {
      const organizations = await this.organizations(client, scope);
      const locked = await this.writer.lockHeads(client, organizations);
      // Looked up again under the lock: an outcome may have closed some meanwhile.
      const intents = await this.intents(client, scope, organizations);
      const grown = await this.writer.append(client, locked, { entries: intents.map((intent) => ({ own: this.unknown(intent) })), opened: new Set(), closed: intents });
      return { heads: grown, count: intents.length };
    });
    this.news.committed(heads, count);
    return count;
  }

  private async organizations(client: Queryable, { where, parameters }: Scope): Promise<readonly OrganizationName[]> {
    const { rows } = await client.query<{ organization: OrganizationName }>(`SELECT DISTINCT organization FROM (SELECT open.organization FROM open_intents AS open WHERE ${where} LIMIT ${CHUNK}) AS chunk`, [...parameters]);
    return rows.map((row) => row.organization);
  }

  private async intents(client: Queryable, { where, parameters }: Scope, organizations: readonly OrganizationName[]): Promise<readonly OpenIntent[]> {
    const { rows } = await client.query<OpenIntent>(
      `SELECT open.organization, open.call_id AS "callId", open.intent_id AS "intentId", entries.body
       FROM open_intents AS open JOIN entries ON entries.organization = open.organization AND entries.idx = open.idx
       WHERE ${where} AND open.organization = ANY($${parameters.length + 1}) ORDER BY open.organization, open.idx LIMIT ${CHUNK}`,
      [...parameters, organizations],
    );
    return rows;
  }

  /** Says of the call what its intent said. An intent that somebody has made unreadable must not keep the others open. */
  private unknown({ organization, callId, intentId, body }: OpenIntent): OwnDraft {
    const intent = intentOf(body);
    const { v: _v, edge: _edge, time: _time, ...about } = intent ?? { client: {}, method: 'unparsed', request: { bytes: 0 } };
    return { ...about, entryId: uuid7(this.clock.now()) as EntryId, callId, intentId, phase: 'unknown', organization };
  }
}

function intentOf(body: string): AuditEntry | undefined {
  try {
    return auditEntry.safeParse(JSON.parse(body)).data;
  } catch {
    return undefined;
  }
}
