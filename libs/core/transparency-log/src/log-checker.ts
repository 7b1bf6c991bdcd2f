import { auditEntry, type AuditEntry, type Checkpoint, type LoggedEntry } from '@mcpgw/contracts';
import { openCheckpoint, type NoteVerifier } from './checkpoint-note.js';
import { MAX_SEQUENCE, type EdgeSequences } from './edge-sequences.js';
import { FindingList, type Finding } from './findings.js';
import { isCanonical } from './is-canonical.js';
import { appendLeaves, EMPTY_FRONTIER, leafHash, rootOf, type Frontier } from './merkle.js';
import { CallPairing } from './pairing.js';

export interface LogCheckerOptions {
  readonly organization: string;
  /** First line of the log's checkpoints. */
  readonly origin: string;
  readonly trustedKeys: readonly NoteVerifier[];
  /** Numbers of all edges, shared between the checkers of all logs; without it gaps aren't looked for. */
  readonly sequences?: EdgeSequences;
  /** Only entries below this index are counted in `sequences`: the size at a moment that is the same for all logs. */
  readonly sequencesBelow?: number;
}

export interface FinishOptions {
  readonly nowMs: number;
  /** How long a call may be without an outcome before that is a finding. */
  readonly openWindowMs: number;
  /** Every open call is a finding, however young. */
  readonly strict?: boolean;
}

/** A root that the log must have had at a size, and who says so. */
interface Expectation {
  readonly size: number;
  readonly rootHash: string;
  readonly saidBy: string;
}

/**
 * Verifies one organization's log from public data alone: its entries in order and its checkpoints. Feed checkpoints and
 * expectations before the entries that reach their size, in any portions; memory grows by some 20 bytes for each call.
 */
export class LogChecker {
  private readonly findings = new FindingList();
  private readonly pairing = new CallPairing(this.findings);
  private frontier: Frontier = EMPTY_FRONTIER;
  private expected: Expectation[] = [];
  private count = 0;
  /** Index that the next entry must have; differs from `count` once entries are missing. */
  private nextIndex = 0;
  private checkpoints = 0;

  constructor(private readonly options: LogCheckerOptions) {}

  /** A root known from elsewhere: the head of the log, or a checkpoint remembered from an earlier verification. */
  expect(size: number, rootHash: string, saidBy: string): void {
    if (size < this.nextIndex) throw new RangeError(`The root at size ${size} must be known before entry ${size} is read.`);
    this.expected.push({ size, rootHash, saidBy });
    this.expected.sort((left, right) => left.size - right.size);
    this.compareRoots();
  }

  addCheckpoints(checkpoints: readonly Checkpoint[]): void {
    for (const checkpoint of checkpoints) {
      this.checkpoints++;
      const opened = openCheckpoint(checkpoint.note, this.options.trustedKeys);
      if (!opened.ok) {
        this.findings.add('bad_checkpoint_signature', `The checkpoint at size ${checkpoint.size} can't be trusted: ${opened.reason}.`);
        continue;
      }
      const { origin, size, root } = opened.checkpoint;
      if (origin !== this.options.origin) this.findings.add('bad_checkpoint_signature', `The checkpoint at size ${checkpoint.size} is one of the log "${origin}", not of "${this.options.origin}".`);
      // One that was signed while its entries were already being read comes too late for its root: the next one covers it.
      else if (size >= this.nextIndex) this.expect(size, root.toString('hex'), `checkpoint at size ${size}`);
    }
  }

  addEntries(entries: readonly LoggedEntry[]): void {
    for (const entry of entries) {
      if (entry.index !== this.nextIndex) {
        this.findings.add('missing_entry', `Entry ${this.nextIndex} is missing: entry ${entry.index} comes instead of it.`, { index: this.nextIndex });
        // The tree can't be rebuilt across a hole: what a checkpoint says from here on proves nothing more.
        if (entry.index < this.nextIndex) continue;
        this.nextIndex = entry.index;
      }
      this.addEntry(entry);
    }
  }

  /** All that was found. Nothing may be fed afterwards. */
  finish(options: FinishOptions): readonly Finding[] {
    const last = this.expected.at(-1);
    if (last && last.size > this.nextIndex) this.findings.add('truncated', `The log ends at size ${this.nextIndex}, but there is a ${last.saidBy}: its last ${last.size - this.nextIndex} entries are gone.`);
    this.pairing.finish(options.nowMs, options.openWindowMs, options.strict ?? false);
    return this.findings.all();
  }

  /** Entries read, checkpoints read, and the root over the entries, in hex. */
  summary(): { readonly entries: number; readonly checkpoints: number; readonly rootHash: string } {
    return { entries: this.count, checkpoints: this.checkpoints, rootHash: rootOf(this.frontier).toString('hex') };
  }

  private addEntry(logged: LoggedEntry): void {
    const computed = leafHash(logged.body);
    const parsed = parseBody(logged.body);
    const place = { index: logged.index, ...(parsed.entry && { entryId: parsed.entry.entryId as string }) };
    const intact = computed.toString('hex') === logged.leafHash;
    if (!intact) this.findings.add('tampered_entry', `Entry ${logged.index}${parsed.entry ? ` (${parsed.entry.entryId})` : ''} was changed: its text no longer has the hash it was logged with.`, place);
    // Go on with the hash that was logged, so that one changed text is one finding and not also a wrong root.
    this.frontier = appendLeaves(this.frontier, [intact ? computed : Buffer.from(logged.leafHash, 'hex')]).frontier;
    this.count++;
    this.nextIndex = logged.index + 1;
    this.compareRoots();
    if (parsed.entry) this.addParsed(parsed.entry, logged.index);
    else if (intact) this.findings.add('malformed_entry', `Entry ${logged.index} is malformed: ${parsed.fault}.`, place);
  }

  private addParsed(entry: AuditEntry, index: number): void {
    if (entry.organization !== this.options.organization) this.findings.add('malformed_entry', `Entry ${index} belongs to organization ${entry.organization}, not to ${this.options.organization}.`, { index, entryId: entry.entryId });
    this.pairing.add(entry, index);
    if (!this.options.sequences || index >= (this.options.sequencesBelow ?? Infinity)) return;
    this.options.sequences.add(entry.edge, entry.entryId);
    if (entry.replaces) this.options.sequences.add(entry.replaces.edge, entry.entryId);
  }

  private compareRoots(): void {
    for (let next = this.expected[0]; next && next.size <= this.nextIndex; next = this.expected[0]) {
      this.expected.shift();
      if (this.count !== this.nextIndex) continue;
      const root = rootOf(this.frontier).toString('hex');
      if (root !== next.rootHash) this.findings.add('root_mismatch', `The first ${next.size} entries have another root than the ${next.saidBy} says: an entry was changed, removed, added or moved.`, { index: Math.max(0, next.size - 1) });
    }
  }
}

type ParsedBody = { readonly entry: AuditEntry; readonly fault?: undefined } | { readonly entry?: undefined; readonly fault: string };

/** Reads an entry's text: JSON, in canonical form, of the contract's shape. */
export function parseBody(body: string): ParsedBody {
  let value: unknown;
  try {
    value = JSON.parse(body);
    if (!isCanonical(body, value)) return { fault: 'its JSON is not in canonical form (RFC 8785)' };
  } catch (error) {
    return { fault: `it is no canonical JSON (${error instanceof Error ? error.message : String(error)})` };
  }
  const parsed = auditEntry.safeParse(value);
  if (!parsed.success) return { fault: parsed.error.issues.map((issue) => `${issue.path.join('.') || 'entry'}: ${issue.message}`).join('; ') };
  const { edge, replaces } = parsed.data;
  if ([edge, replaces?.edge].some((place) => place && (place.seq < 1 || place.seq > MAX_SEQUENCE))) return { fault: 'its number is out of range' };
  return { entry: parsed.data };
}
