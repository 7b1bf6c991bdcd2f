import { GatewayError, type AuditEntry, type EntryId } from '@mcpgw/contracts';
import { uuid7 } from '@mcpgw/platform-runtime';
import type { EntryDraft, EntryWriter } from '../ports.js';
import { entryText } from './entry-text.js';
import { openSpool, type OpenSpool, type SpoolOptions } from './open-spool.js';

export type { SpoolOptions } from './open-spool.js';

type Until = 'queued' | 'fsynced' | 'committed';

/** Share of the room that only outcomes of calls under way may use. */
const RESERVE = 0.05;
/** Entries in memory that the disk doesn't take in time. */
const MAX_MEMORY_BYTES = 16_777_216;
const COMMIT_DEADLINE_MS = 2_000;
const REOPEN_MS = 1_000;

interface Waiter {
  readonly seq: number;
  readonly settle: (fault?: Error) => void;
}

/**
 * Where an edge's audit entries are safe until the log has them. An `append` that rejects has not begun the call: its entry
 * may still reach the log later, then followed by an outcome that says so, so the caller writes nothing more about the call.
 */
export class Spool implements EntryWriter {
  private spool: OpenSpool | undefined;
  private seq = 0;
  private receipts: Waiter[] = [];
  private closed = false;
  private timer: NodeJS.Timeout | undefined;
  private readonly stopListening: () => void;

  constructor(private readonly options: SpoolOptions) {
    this.stopListening = options.bus.onReconnect(() => this.spool?.forwarder.retry());
    options.health.require('spool', 'Wait for it to open.');
    options.health.detail('spool', () => ({ edgeId: this.spool?.identity.edgeId, epoch: this.spool?.identity.epoch, entries: this.seq, waitingBytes: this.waitingBytes(), usedBytes: this.usedBytes(), maxBytes: options.maxBytes, accepting: this.accepting() }));
  }

  /** Recovers what an earlier run left and begins a new epoch. Never rejects: a disk that fails is reported to HEALTH and tried again each second. */
  async start(): Promise<void> {
    if (this.closed) return;
    try {
      this.spool = openSpool(this.options, {
        written: () => {
          this.spool?.forwarder.poke(this.receipts.length > 0);
          this.reportRoom();
        },
        committed: (seq) => this.committed(seq),
        roomChanged: () => this.reportRoom(),
      });
      this.options.health.ok('spool');
      this.spool.forwarder.start();
    } catch (error) {
      this.options.health.fail('spool', { message: `The spool at ${this.options.directory} can't be opened: ${error instanceof Error ? error.message : String(error)}. No calls are accepted.`, action: 'Free or repair the disk, or correct the folder; it is tried again each second.' });
      this.timer = setTimeout(() => void this.start(), REOPEN_MS);
    }
  }

  async append(draft: EntryDraft, until: Until): Promise<EntryId> {
    const spool = this.checkRoom(draft.phase === 'outcome' && draft.intentId !== undefined);
    const { entryId, ...item } = this.numbered(spool, draft);
    if (until === 'queued') {
      spool.journal.add({ ...item, settle: () => {} }, false);
      return entryId;
    }
    await new Promise<void>((resolve, reject) => {
      const settle = once((fault?: Error) => {
        if (!fault) return resolve();
        if (draft.phase === 'intent') this.closeRefused(spool, draft, entryId);
        reject(fault instanceof GatewayError ? fault : this.diskFault(fault));
      });
      if (until === 'committed') this.awaitReceipt({ seq: item.seq, settle });
      spool.journal.add({ ...item, settle: (fault) => (fault || until === 'fsynced' ? settle(fault) : undefined) }, true);
    });
    return entryId;
  }

  accepting(): boolean {
    return this.refusal(false) === undefined;
  }

  /** Flushes, hands over what it can within `forwardMs`, closes. Call it after the last call has ended. */
  async close(forwardMs = 3_000): Promise<void> {
    this.closed = true;
    clearTimeout(this.timer);
    this.stopListening();
    if (!this.spool) return;
    await this.spool.close(forwardMs);
    for (const { settle } of this.receipts.splice(0)) settle(new GatewayError('spool_unavailable', 'The edge stopped before the audit service had confirmed this entry.'));
  }

  private numbered(spool: OpenSpool, draft: EntryDraft): { readonly entryId: EntryId; readonly text: string; readonly bytes: number; readonly seq: number } {
    const now = this.options.clock.now();
    const entryId = uuid7(now) as EntryId;
    const seq = this.seq + 1;
    const edge: AuditEntry['edge'] = { id: spool.identity.edgeId, epoch: spool.identity.epoch, seq };
    const { text, bytes } = entryText(draft, { entryId, time: new Date(now).toISOString(), edge });
    // Only now, when the entry is sure to be queued: a number that is never written would look like a lost entry.
    this.seq = seq;
    return { entryId, text, bytes, seq };
  }

  /** The intent may be on disk or get there, but its caller was told that nothing was begun: the log has to say so too. */
  private closeRefused(spool: OpenSpool, draft: EntryDraft, intentId: EntryId): void {
    if (spool.journal.waitingBytes() > MAX_MEMORY_BYTES) return;
    const { entryId: _entryId, ...item } = this.numbered(spool, { ...draft, phase: 'outcome', intentId, outcome: { status: 'error', code: 'spool_unavailable', bytes: 0, durationUs: 0 } });
    spool.journal.add({ ...item, settle: () => {} }, false);
  }

  private awaitReceipt(waiter: Waiter): void {
    const deadlineMs = this.options.commitDeadlineMs ?? COMMIT_DEADLINE_MS;
    const timer = setTimeout(() => {
      this.receipts = this.receipts.filter((other) => other.seq !== waiter.seq);
      waiter.settle(new GatewayError('spool_unavailable', `The audit service did not confirm the entry within ${deadlineMs} ms, and this organization's calls wait for it (audit mode regulated).`));
    }, deadlineMs);
    this.receipts.push({
      seq: waiter.seq,
      settle: (fault) => {
        clearTimeout(timer);
        waiter.settle(fault);
      },
    });
  }

  private committed(seq: number): void {
    const open = this.receipts.findIndex((waiter) => waiter.seq > seq);
    for (const { settle } of this.receipts.splice(0, open < 0 ? this.receipts.length : open)) settle();
  }

  private checkRoom(forOutcome: boolean): OpenSpool {
    const refusal = this.refusal(forOutcome);
    if (refusal !== undefined || !this.spool) throw new GatewayError('spool_unavailable', refusal ?? 'The spool is not open.');
    return this.spool;
  }

  /** Why an entry can't be taken; undefined when it can. Outcomes of calls under way may use the reserve and outlast a fault. */
  private refusal(forOutcome: boolean): string | undefined {
    const { directory, maxBytes } = this.options;
    if (this.closed || !this.spool) return `The spool at ${directory} is not open${this.closed ? ' any more: the edge stops' : ' yet'}.`;
    const fault = this.spool.journal.problem();
    if (fault && !forOutcome) return this.diskFault(fault).message;
    if (this.spool.journal.waitingBytes() >= MAX_MEMORY_BYTES * (forOutcome ? 1 : 0.5)) return `The disk of the spool at ${directory} is too slow: ${this.spool.journal.waitingBytes()} bytes wait to be written.`;
    const used = this.usedBytes();
    if (used >= maxBytes * (forOutcome ? 1 : 1 - RESERVE)) return `The spool at ${directory} is full: ${used} of ${maxBytes} bytes. Start the audit service or free its database, or raise MCPGW_SPOOL_MAX_BYTES.`;
    return undefined;
  }

  private diskFault(fault: Error): GatewayError {
    return new GatewayError('spool_unavailable', `The spool at ${this.options.directory} can't write: ${fault.message}. Free or repair the disk; it is tried again each second.`, { cause: fault });
  }

  private reportRoom(): void {
    const { health, directory } = this.options;
    if (this.closed || !this.spool) return;
    const refusal = this.refusal(false);
    if (refusal === undefined) health.ok('spool');
    else health.fail('spool', { message: `${refusal} No calls are accepted.`, action: `Look at the disk of ${directory} and at the audit service.` });
  }

  private usedBytes(): number {
    return this.spool ? this.spool.segments.size() + this.spool.journal.waitingBytes() : 0;
  }

  private waitingBytes(): number {
    return this.spool ? this.spool.reader.waitingBytes() + this.spool.journal.waitingBytes() : 0;
  }
}

function once(settle: (fault?: Error) => void): (fault?: Error) => void {
  let settled = false;
  return (fault) => {
    if (!settled) settle(fault);
    settled = true;
  };
}
