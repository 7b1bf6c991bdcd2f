import { auditCommitted, auditEntries, auditHeads, type OrganizationName } from '@mcpgw/contracts';
import type { Bus, Subscription } from '@mcpgw/platform-bus';

/** What of an entry a test may want to say; the rest is an ordinary successful call. */
export interface FakeEntry {
  readonly phase?: 'intent' | 'outcome' | 'denied' | 'unknown' | 'late';
  readonly intentId?: string | undefined;
  readonly time?: string;
  readonly method?: string;
  readonly consumer?: string;
  readonly server?: string;
  readonly tool?: string;
  readonly status?: 'ok' | 'tool_error' | 'error';
  readonly bytesIn?: number;
  readonly bytesOut?: number;
  readonly durationUs?: number;
}

/** The audit service as billing sees it: logs by organization, read by cursor in pages of `pageEntries`. */
export class FakeAuditLog {
  private readonly logs = new Map<string, string[]>();
  private readonly handlers: readonly Subscription[];

  constructor(
    private readonly bus: Bus,
    private readonly pageEntries = 1_000,
  ) {
    this.handlers = [
      bus.handle(auditHeads, async () => ({ heads: [...this.logs].map(([name, bodies]) => ({ organization: name as OrganizationName, size: bodies.length, rootHash: '' })) })),
      bus.handle(auditEntries, async ({ organization, from, limit }) => {
        const bodies = this.logs.get(organization) ?? [];
        const page = bodies.slice(from, from + Math.min(limit, this.pageEntries));
        return { entries: page.map((body, offset) => ({ index: from + offset, body, leafHash: '' })), size: bodies.length, next: from + page.length };
      }),
    ];
  }

  append(organization: string, entries: readonly FakeEntry[]): void {
    this.appendRaw(organization, entries.map(bodyOf));
  }

  appendRaw(organization: string, bodies: readonly string[]): void {
    this.logs.set(organization, [...(this.logs.get(organization) ?? []), ...bodies]);
    this.bus.publish(auditCommitted, { heads: [{ organization: organization as OrganizationName, size: this.logs.get(organization)?.length ?? 0 }] });
  }

  /** As when the audit service goes away. */
  stop(): void {
    for (const handler of this.handlers) void handler.close();
  }

  /** As after a restore of an older backup. */
  truncate(organization: string, size: number): void {
    this.logs.set(organization, (this.logs.get(organization) ?? []).slice(0, size));
  }
}

/** Keys in canonical order; only members that the entry has. */
export function bodyOf(entry: FakeEntry): string {
  const phase = entry.phase ?? 'outcome';
  const intentId = 'intentId' in entry ? entry.intentId : phase === 'intent' ? undefined : '0197a000-0000-7000-8000-000000000001';
  const outcome = phase === 'outcome' || phase === 'late' ? { bytes: entry.bytesOut ?? 200, durationUs: entry.durationUs ?? 1_500, status: entry.status ?? 'ok' } : undefined;
  return JSON.stringify({
    client: {},
    edge: { epoch: 1, id: 'edge', seq: 1 },
    intentId,
    method: entry.method ?? 'tools/call',
    outcome,
    phase,
    principal: { consumer: entry.consumer ?? 'support', roles: [] },
    request: { bytes: entry.bytesIn ?? 100 },
    server: entry.server ?? 'crm',
    target: entry.tool ?? 'lookup',
    time: entry.time ?? '2026-11-22T09:15:00.000Z',
    v: 1,
  });
}
