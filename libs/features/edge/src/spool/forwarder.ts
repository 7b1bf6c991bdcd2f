import { auditAppend, toGatewayError, type ErrorCode, type GatewayError } from '@mcpgw/contracts';
import type { Bus } from '@mcpgw/platform-bus';
import type { SpoolIdentity } from './identity.js';
import type { SpoolHook } from './journal.js';
import type { Batch, Reader } from './reader.js';
import type { Cursor } from './recovery.js';

export interface ForwarderEvents {
  /** Everything of the current epoch up to this number is in the log. */
  readonly committed: (seq: number) => void;
  /** The log takes nothing; it is tried again. */
  readonly away: (fault: GatewayError, attempts: number) => void;
  readonly back: () => void;
  /** The log refuses this one entry for good. */
  readonly refused: (text: string, fault: GatewayError) => void;
  /** Keeps the cursor. */
  readonly trimmed: (cursor: Cursor) => void;
}

const MAX_ENTRIES = 2_000;
const MAX_BYTES = 1_572_864;
/** Share of the largest message that the entries' own bytes may take: as strings in JSON they grow by their escapes. */
const SHARE_OF_MESSAGE = 0.6;
/** Without anybody waiting for the receipt, entries travel together: a transaction each would cost the log dearly. */
const LINGER_MS = 200;
const LINGER_SHARE = 0.9;
const FIRST_RETRY_MS = 100;
const LAST_RETRY_MS = 5_000;
/** A single entry that the log calls malformed is offered this often before it is set aside. */
const REFUSALS = 5;
/** Faults that lie in the batch: the same one will never be taken. */
const MALFORMED: ReadonlySet<ErrorCode> = new Set(['invalid_request', 'invalid_params', 'payload_too_large']);

/**
 * Hands entries over in their order, one batch at a time, older epochs first. Only the receipt moves it on. When all older
 * epochs are handed over, a batch of this epoch, empty if need be, says so.
 */
export class Forwarder {
  private state: 'busy' | 'idle' | 'linger' | 'backoff' = 'busy';
  private announced = false;
  private away = false;
  private attempts = 0;
  /** Smaller after the log refused a batch, to find out which entry it was. */
  private limit = MAX_ENTRIES;
  private running: Promise<void> | undefined;
  private wake: () => void = () => {};
  private more = false;
  private hurried = false;
  private resting: (() => void)[] = [];
  private readonly stop = new AbortController();

  constructor(
    private readonly bus: Pick<Bus, 'request' | 'maxMessageBytes'>,
    private readonly reader: Reader,
    private readonly identity: SpoolIdentity,
    private readonly events: ForwarderEvents,
    private readonly hook: SpoolHook,
  ) {}

  start(): void {
    this.running = this.loop();
  }

  /** There is more on disk. `hurry`: somebody waits for the receipt. */
  poke(hurry: boolean): void {
    this.more = true;
    this.hurried ||= hurry;
    if (this.state === 'idle' || (this.state === 'linger' && !this.mayLinger())) this.wake();
  }

  /** The bus is back: tries again now. */
  retry(): void {
    if (this.state === 'backoff') this.wake();
  }

  /** Resolves when all that is on disk is in the log, or an attempt to bring it there has failed. */
  rest(): Promise<void> {
    if (this.state === 'idle' && !this.more) return Promise.resolve();
    this.retry();
    return new Promise((resolve) => this.resting.push(resolve));
  }

  async close(): Promise<void> {
    this.stop.abort();
    this.wake();
    await this.running;
  }

  private async loop(): Promise<void> {
    while (!this.stop.signal.aborted) {
      this.more = this.hurried = false;
      const outcome = await this.step().catch((error: unknown) => this.failed(toGatewayError(error), undefined));
      if (outcome === 'failed') await this.pause('backoff', Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(this.attempts - 1, 10)));
      else {
        if (outcome === 'nothing' && !this.more) await this.pause('idle');
        if (this.mayLinger()) await this.pause('linger', LINGER_MS);
      }
    }
    this.rested();
  }

  private mayLinger(): boolean {
    return !this.hurried && this.reader.waitingBytes() < this.maxBytes() * LINGER_SHARE;
  }

  private maxBytes(): number {
    return Math.min(MAX_BYTES, this.bus.maxMessageBytes() * SHARE_OF_MESSAGE);
  }

  private async step(): Promise<'moved' | 'nothing' | 'failed'> {
    const batch = await this.reader.next(this.limit, this.maxBytes());
    const opens = !this.announced && (!batch || batch.epoch === this.identity.epoch);
    if (!batch && !opens) return 'nothing';
    const { epoch, entries, lastSeq } = batch ?? { epoch: this.identity.epoch, entries: [], lastSeq: 0 };
    try {
      const receipt = await this.bus.request(auditAppend, { edgeId: this.identity.edgeId, epoch, lastSeq, entries: [...entries] }, { signal: this.stop.signal });
      if (receipt.edgeId !== this.identity.edgeId || receipt.epoch !== epoch || receipt.committedSeq < lastSeq) throw new Error(`the receipt is of another batch (epoch ${receipt.epoch}, up to ${receipt.committedSeq})`);
    } catch (error) {
      return this.failed(toGatewayError(error), batch);
    }
    await this.hook('after-receipt');
    this.succeeded();
    this.announced ||= opens;
    if (!batch) return 'moved';
    this.reader.advance(batch);
    this.events.trimmed({ epoch, seq: lastSeq });
    await this.hook('after-trim');
    if (epoch === this.identity.epoch) this.events.committed(lastSeq);
    return 'moved';
  }

  private succeeded(): void {
    if (this.away) this.events.back();
    this.away = false;
    this.attempts = 0;
    this.limit = MAX_ENTRIES;
  }

  private failed(fault: GatewayError, batch: Batch | undefined): 'moved' | 'failed' {
    if (this.stop.signal.aborted) return 'failed';
    this.attempts++;
    this.away = true;
    this.events.away(fault, this.attempts);
    const [only] = batch?.entries ?? [];
    if (!batch || only === undefined || !MALFORMED.has(fault.code)) return 'failed';
    if (batch.entries.length > 1) {
      this.limit = Math.ceil(batch.entries.length / 2);
      this.attempts = 0;
      return 'moved';
    }
    if (this.attempts < REFUSALS) return 'failed';
    this.events.refused(only, fault);
    this.reader.advance(batch);
    this.attempts = 0;
    return 'moved';
  }

  /** Until woken, stopped, or for this long. */
  private async pause(state: 'idle' | 'linger' | 'backoff', durationMs?: number): Promise<void> {
    if (this.stop.signal.aborted) return;
    this.state = state;
    if (state !== 'linger') this.rested();
    await new Promise<void>((resolve) => {
      this.wake = resolve;
      if (durationMs !== undefined) setTimeout(resolve, durationMs);
    });
    this.wake = () => {};
    this.state = 'busy';
  }

  private rested(): void {
    for (const resolve of this.resting.splice(0)) resolve();
  }
}
