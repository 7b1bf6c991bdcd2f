import { auditAppend, type AuditEntry, type CallId, type EntryId, type OrganizationName } from '@mcpgw/contracts';
import { canonicalize } from '@mcpgw/core-transparency-log';
import type { Bus } from '@mcpgw/platform-bus';
import { uuid7 } from '@mcpgw/platform-runtime';

/** An edge as the spool makes one: numbers its entries and hands them over in order. */
export class FakeEdge {
  epoch = 1;
  private seq = 0;

  constructor(
    private readonly bus: Bus,
    readonly id = `edge-${uuid7(Date.now()).slice(-12)}`,
  ) {}

  entry(more: Partial<AuditEntry> & Pick<AuditEntry, 'organization' | 'phase'>): AuditEntry {
    this.seq += 1;
    return {
      v: 1,
      entryId: uuid7(Date.now()) as EntryId,
      callId: uuid7(Date.now()) as CallId,
      time: new Date().toISOString(),
      edge: { id: this.id, epoch: this.epoch, seq: this.seq },
      client: { name: 'spec' },
      method: 'tools/call',
      server: 'crm',
      target: 'get_customer',
      request: { bytes: 10 },
      ...more,
    };
  }

  /** Intent and outcome of one call. */
  call(organization: OrganizationName): readonly [AuditEntry, AuditEntry] {
    const intent = this.entry({ organization, phase: 'intent' });
    return [intent, this.outcomeOf(intent)];
  }

  outcomeOf(intent: AuditEntry): AuditEntry {
    return this.entry({ organization: intent.organization, phase: 'outcome', callId: intent.callId, intentId: intent.entryId, outcome: { status: 'ok', bytes: 2, durationUs: 5 } });
  }

  send(entries: readonly AuditEntry[]): Promise<{ edgeId: string; epoch: number; committedSeq: number }> {
    return this.bus.request(auditAppend, { edgeId: this.id, epoch: this.epoch, lastSeq: entries.at(-1)?.edge.seq ?? 0, entries: entries.map((entry) => canonicalize(entry)) });
  }

  restart(): void {
    this.epoch += 1;
    this.seq = 0;
  }
}
