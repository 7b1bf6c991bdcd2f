import type { AuditEntry } from '@mcpgw/contracts';
import { hourOf, type HourStart } from './hour.js';

/** What is counted. All integers: no sum ever depends on the order of its parts. */
export interface UsageCounts {
  readonly calls: number;
  readonly errors: number;
  readonly unknown: number;
  readonly durationUs: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

/** What usage is counted by, inside one organization. */
export interface WindowKey {
  readonly consumer: string;
  readonly server: string;
  readonly tool: string;
  readonly hour: HourStart;
}

export interface UsageWindow extends WindowKey, UsageCounts {}

/** The parts of an audit entry that decide what it counts for. */
export type CountedEntry = Pick<AuditEntry, 'phase' | 'time' | 'method' | 'server' | 'target'> & {
  readonly intentId?: string | undefined;
  readonly principal?: { readonly consumer: string } | undefined;
  readonly request: { readonly bytes: number };
  readonly outcome?: Pick<NonNullable<AuditEntry['outcome']>, 'status' | 'code' | 'bytes' | 'durationUs'> | undefined;
};

export const NO_USAGE: UsageCounts = { calls: 0, errors: 0, unknown: 0, durationUs: 0, bytesIn: 0, bytesOut: 0 };

/** Stands where an entry names no consumer, server or tool, so that its call is counted all the same. */
export const NOBODY = '(none)';

/**
 * The usage of one committed entry, or `undefined` when it is none. A call is used when it went to a server: the `outcome` that
 * closes an intent of `tools/call`. One whose end nobody knows is shown (`unknown`) and never charged. Intents, refusals,
 * answers of the gateway itself and `late` outcomes (their call is already counted as unknown) are no usage. A round of a call in
 * which the server asked for more (`input_required`, MCP 2026-07-28, patterns/mrtr) adds its time and bytes: the call is counted at its end.
 */
export function usageOf(entry: CountedEntry): UsageWindow | undefined {
  if (entry.method !== 'tools/call' || entry.intentId === undefined) return undefined;
  const instant = Date.parse(entry.time);
  if (Number.isNaN(instant)) throw new RangeError(`The entry's time "${entry.time}" is not an ISO 8601 date.`);
  const key: WindowKey = { consumer: entry.principal?.consumer ?? NOBODY, server: entry.server ?? NOBODY, tool: entry.target ?? NOBODY, hour: hourOf(instant) };
  if (entry.phase === 'unknown') return { ...key, ...NO_USAGE, unknown: 1 };
  if (entry.phase !== 'outcome') return undefined;
  return {
    ...key,
    calls: isRound(entry) ? 0 : 1,
    errors: entry.outcome?.status === 'ok' ? 0 : 1,
    unknown: 0,
    durationUs: entry.outcome?.durationUs ?? 0,
    bytesIn: entry.request.bytes,
    bytesOut: entry.outcome?.bytes ?? 0,
  };
}

function isRound({ outcome }: CountedEntry): boolean {
  return outcome?.status === 'ok' && outcome.code === 'input_required';
}

export function addUsage(left: UsageCounts, right: UsageCounts): UsageCounts {
  return {
    calls: left.calls + right.calls,
    errors: left.errors + right.errors,
    unknown: left.unknown + right.unknown,
    durationUs: left.durationUs + right.durationUs,
    bytesIn: left.bytesIn + right.bytesIn,
    bytesOut: left.bytesOut + right.bytesOut,
  };
}

/** Adds up usage by window. The same whatever the order, and whatever batches the usage arrives in. */
export function foldUsage(usage: Iterable<UsageWindow>): readonly UsageWindow[] {
  const windows = new Map<string, UsageWindow>();
  for (const one of usage) {
    const key = JSON.stringify([one.consumer, one.server, one.tool, one.hour]);
    const before = windows.get(key);
    windows.set(key, before ? { ...before, ...addUsage(before, one) } : one);
  }
  return [...windows.values()];
}
