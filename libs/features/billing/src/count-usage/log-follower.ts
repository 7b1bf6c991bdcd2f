import { auditEntries, auditHeads, GatewayError, type OrganizationName } from '@mcpgw/contracts';
import type { Bus } from '@mcpgw/platform-bus';
import type { Health, Logger } from '@mcpgw/platform-runtime';
import { countPage } from './count-page.js';
import type { UsageStore } from './usage-store.js';

const PAGE_ENTRIES = 1_000;

interface Backlog {
  readonly organization: OrganizationName;
  readonly size: number;
  from: number;
}

/**
 * Counts what the audit log has committed since the cursor, for every organization. Fair: one page each in turn, so that one
 * with much to count doesn't hold up the rest; one whose log can't be counted is named in the status and the others go on.
 */
export class LogFollower {
  /** The log sizes last heard of; `undefined` before the first time. */
  private heads: ReadonlyMap<string, number> | undefined;
  private readonly stuck = new Set<string>();

  constructor(
    private readonly bus: Bus,
    private readonly store: UsageStore,
    private readonly health: Health,
    private readonly logger: Logger,
    private readonly signal: AbortSignal,
  ) {}

  /** Counts until nothing is left. Rejects when the audit service or the database can't be reached. */
  async catchUp(): Promise<void> {
    const cursors = await this.store.cursors(); // before the heads: logs only grow, so a cursor beyond its log is a fault
    const { heads } = await this.bus.request(auditHeads, {}, { signal: this.signal });
    this.heads = new Map(heads.map(({ organization, size }) => [organization, size]));
    let waiting = await this.backlogs(heads, cursors);
    while (waiting.length > 0 && !this.signal.aborted) {
      const next: Backlog[] = [];
      for (const backlog of waiting) if (await this.countOne(backlog)) next.push(backlog);
      waiting = next;
    }
  }

  /** The sizes of all logs now, or, when the audit service is away, as they were last known. */
  async freshHeads(): Promise<ReadonlyMap<string, number>> {
    try {
      const { heads } = await this.bus.request(auditHeads, {}, { timeoutMs: 2_000, signal: this.signal });
      this.heads = new Map(heads.map(({ organization, size }) => [organization, size]));
    } catch (error) {
      if (!this.heads) throw error;
    }
    return this.heads;
  }

  private async backlogs(heads: readonly { organization: OrganizationName; size: number }[], cursors: ReadonlyMap<string, number>): Promise<Backlog[]> {
    const unknown = heads.filter(({ organization }) => !cursors.has(organization)).map(({ organization }) => organization);
    if (unknown.length > 0) await this.store.open(unknown);
    const backlogs: Backlog[] = [];
    for (const { organization, size } of heads) {
      const from = cursors.get(organization) ?? 0;
      if (size > from) backlogs.push({ organization, size, from });
      else if (size < from) this.stop(organization, `The audit log of "${organization}" has ${size} entries, but ${from} were counted already.`);
      else this.resume(organization);
    }
    return backlogs;
  }

  /** True while there is more to count. */
  private async countOne(backlog: Backlog): Promise<boolean> {
    try {
      const { entries, next } = await this.bus.request(auditEntries, { organization: backlog.organization, from: backlog.from, limit: PAGE_ENTRIES }, { signal: this.signal });
      if (entries.length === 0 || next !== backlog.from + entries.length) throw new GatewayError('unavailable', `The audit service sent a page of "${backlog.organization}" with a gap after entry ${backlog.from}.`);
      const windows = countPage(backlog.organization, backlog.from, entries);
      const mine = await this.store.addPage(backlog.organization, backlog.from, next, windows);
      this.resume(backlog.organization);
      backlog.from = next;
      return mine && next < backlog.size; // not mine: another billing process is at it; the next look sees how far it came
    } catch (error) {
      if (!(error instanceof GatewayError) || !(await this.auditAnswers())) throw error;
      this.stop(backlog.organization, error.message);
      return false;
    }
  }

  /** Tells a log that is damaged from an audit service that is away. */
  private async auditAnswers(): Promise<boolean> {
    return this.bus.request(auditHeads, {}, { timeoutMs: 2_000, signal: this.signal }).then(
      () => true,
      () => false,
    );
  }

  private stop(organization: string, message: string): void {
    if (!this.stuck.has(organization)) this.logger.error({ organization }, message);
    this.stuck.add(organization);
    this.health.fail(`usage of ${organization}`, { message: `${message} Its usage is not counted any further.`, action: `Run: mcpgw audit verify --organization ${organization}` });
  }

  private resume(organization: string): void {
    if (this.stuck.delete(organization)) this.health.ok(`usage of ${organization}`);
  }
}
