import type { Checkpoint, LoggedEntry } from '@mcpgw/contracts';
import type { Finding } from './findings.js';
import { LogChecker, type FinishOptions, type LogCheckerOptions } from './log-checker.js';

/** Where a log is read from: the audit service, an export, a test. Both functions answer in ascending order. */
export interface LogSource {
  /** Entries from this index on; none at the end of the log. */
  readonly entries: (from: number) => Promise<readonly LoggedEntry[]>;
  /** Checkpoints of more than this size; none after the last. */
  readonly checkpoints: (afterSize: number) => Promise<readonly Checkpoint[]>;
}

export interface VerifyOptions extends LogCheckerOptions, FinishOptions {
  /** Roots that the log must have had, known from elsewhere: its head, a checkpoint kept from the last time. */
  readonly expected?: readonly { readonly size: number; readonly rootHash: string; readonly saidBy: string }[];
}

export interface LogReport {
  readonly entries: number;
  readonly checkpoints: number;
  readonly rootHash: string;
  readonly findings: readonly Finding[];
}

/**
 * Reads a whole log, portion by portion, and says what is wrong with it. The log may grow meanwhile. Gaps in the numbering
 * of edges are in `options.sequences`, to be asked when all logs were read.
 */
export async function verifyLog(source: LogSource, options: VerifyOptions): Promise<LogReport> {
  const checker = new LogChecker(options);
  for (const { size, rootHash, saidBy } of options.expected ?? []) checker.expect(size, rootHash, saidBy);
  const stream = new CheckpointStream(source);
  for (let from = 0; ; ) {
    // Checkpoints first: what they cover is then in the log, so that a shorter log was truncated and didn't only grow late.
    await stream.load();
    const entries = await source.entries(from);
    const last = entries.at(-1);
    const end = last ? last.index + 1 : Infinity;
    for await (const checkpoints of stream.upTo(end)) checker.addCheckpoints(checkpoints);
    if (!last) break;
    checker.addEntries(entries);
    if (end <= from) break;
    from = end;
  }
  const findings = checker.finish(options);
  return { ...checker.summary(), findings };
}

/** The checkpoints in portions, as far ahead as the entries go and one portion further. */
class CheckpointStream {
  private waiting: Checkpoint[] = [];
  private loadedTo = 0;

  constructor(private readonly source: LogSource) {}

  /** Looks for more unless some are waiting; false when there are none. */
  async load(): Promise<boolean> {
    if (this.waiting.length > 0) return true;
    const page = await this.source.checkpoints(this.loadedTo);
    const last = page.at(-1);
    if (!last || last.size <= this.loadedTo) return false;
    this.waiting.push(...page);
    this.loadedTo = last.size;
    return true;
  }

  /** Hands out what is due up to this size. At the end of the log (Infinity) only what was loaded before the last look. */
  async *upTo(size: number): AsyncGenerator<readonly Checkpoint[]> {
    do {
      const count = this.waiting.findIndex((checkpoint) => checkpoint.size > size);
      yield this.waiting.splice(0, count < 0 ? this.waiting.length : count);
    } while (size !== Infinity && this.waiting.length === 0 && (await this.load()));
  }
}
