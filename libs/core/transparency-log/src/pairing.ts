import { TERMINAL_PHASES, type AuditEntry } from '@mcpgw/contracts';
import type { FindingList } from './findings.js';
import { UuidSet } from './uuid-set.js';

interface OpenIntent {
  readonly entryId: string;
  readonly index: number;
  readonly timeMs: number;
}

/**
 * Follows the calls of one log: an intent is closed by exactly one terminal entry that names it, a call has exactly one
 * terminal entry, and a `late` outcome belongs to a call that was closed as `unknown`.
 */
export class CallPairing {
  private readonly open = new Map<string, OpenIntent>();
  private readonly ended = new UuidSet();
  private readonly unknown = new Set<string>();

  constructor(private readonly findings: FindingList) {}

  add(entry: AuditEntry, index: number): void {
    if (entry.phase === 'intent') this.addIntent(entry, index);
    else if (TERMINAL_PHASES.includes(entry.phase)) this.addTerminal(entry, index);
    else this.addLate(entry, index);
  }

  /** Intents that still wait. Those younger than the window may be under way: they count only when `strict`. */
  finish(nowMs: number, openWindowMs: number, strict: boolean): void {
    for (const [callId, intent] of this.open) {
      if (!strict && nowMs - intent.timeMs < openWindowMs) continue;
      this.findings.add('unpaired_call', `Call ${callId} was begun and has no outcome.`, intent);
    }
  }

  private addIntent(entry: AuditEntry, index: number): void {
    if (this.open.has(entry.callId) || this.ended.has(entry.callId)) {
      this.findings.add('unpaired_call', `Call ${entry.callId} has more than one intent, or one after its end.`, { index, entryId: entry.entryId });
      return;
    }
    this.open.set(entry.callId, { entryId: entry.entryId, index, timeMs: Date.parse(entry.time) });
  }

  private addTerminal(entry: AuditEntry, index: number): void {
    const intent = this.open.get(entry.callId);
    const place = { index, entryId: entry.entryId };
    if (!this.ended.add(entry.callId)) this.findings.add('unpaired_call', `Call ${entry.callId} ended more than once.`, place);
    else if (entry.intentId !== undefined && !intent) this.findings.add('unpaired_call', `Call ${entry.callId} ended, but its intent ${entry.intentId} is not in the log.`, place);
    else if (entry.intentId !== intent?.entryId) this.findings.add('unpaired_call', `The end of call ${entry.callId} doesn't name its intent ${intent?.entryId}.`, place);
    this.open.delete(entry.callId);
    if (entry.phase === 'unknown') this.unknown.add(entry.callId);
  }

  private addLate(entry: AuditEntry, index: number): void {
    if (this.unknown.delete(entry.callId)) return;
    this.findings.add('unpaired_call', `Call ${entry.callId} has a late outcome, but was not closed as unknown before it.`, { index, entryId: entry.entryId });
  }
}
