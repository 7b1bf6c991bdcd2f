import { TERMINAL_PHASES, type CallId, type EntryId, type EntryPhase, type OrganizationName } from '@mcpgw/contracts';
import type { Changes, OwnDraft, WrittenEntry } from '../log/log-writer.js';

/** An entry that the log has of one of the batch's calls. */
export interface KnownEntry {
  readonly organization: OrganizationName;
  readonly entryId: EntryId;
  readonly callId: CallId;
  readonly phase: EntryPhase;
}

export interface BatchPlan extends Omit<Changes, 'cursor'> {
  /** Calls that an edge ended twice, which is a fault of the edge: its second end is kept as `late`. */
  readonly endedTwice: readonly CallId[];
}

/**
 * What of a batch is new, and what it does to calls. An entry that the log has is left out, so a batch may come any number
 * of times. An end that comes after the call was closed becomes a `late` entry under the same entry id.
 */
export function planBatch(batch: readonly WrittenEntry[], known: readonly KnownEntry[]): BatchPlan {
  const seen = new Set(known.map((entry) => keyOf(entry.organization, entry.entryId)));
  const ends = new Map(known.filter((entry) => TERMINAL_PHASES.includes(entry.phase)).map((entry) => [keyOf(entry.organization, entry.callId), entry.phase]));
  const entries: (WrittenEntry | { readonly own: OwnDraft })[] = [];
  const open = new Map<string, EntryId>();
  const closed: { readonly organization: OrganizationName; readonly callId: CallId }[] = [];
  const endedTwice: CallId[] = [];
  for (const item of batch) {
    const { entry } = item;
    const call = keyOf(entry.organization, entry.callId);
    if (seen.has(keyOf(entry.organization, entry.entryId))) continue;
    seen.add(keyOf(entry.organization, entry.entryId));
    const end = ends.get(call);
    if (entry.phase === 'intent') {
      entries.push(item);
      if (end === undefined) open.set(call, entry.entryId);
    } else if (end !== undefined) {
      if (end !== 'unknown') endedTwice.push(entry.callId);
      entries.push({ own: lateOf(item) });
    } else {
      entries.push(item);
      ends.set(call, entry.phase);
      if (!open.delete(call)) closed.push({ organization: entry.organization, callId: entry.callId });
    }
  }
  return { entries, opened: new Set(open.values()), closed, endedTwice };
}

function lateOf({ entry }: WrittenEntry): OwnDraft {
  const { v: _v, edge, time, ...rest } = entry;
  return { ...rest, phase: 'late', replaces: { edge, time } };
}

function keyOf(organization: string, id: string): string {
  return `${organization} ${id}`;
}
