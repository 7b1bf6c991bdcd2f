import { GatewayError, type LoggedEntry } from '@mcpgw/contracts';
import { foldUsage, usageOf, type UsageWindow } from '@mcpgw/core-rating';
import { z } from 'zod';

/** Only what counting needs; the audit service has checked the whole entry before it was committed. */
const countedEntry = z.object({
  phase: z.enum(['intent', 'outcome', 'denied', 'unknown', 'late']),
  intentId: z.string().optional(),
  time: z.string(),
  method: z.string(),
  server: z.string().optional(),
  target: z.string().optional(),
  principal: z.object({ consumer: z.string() }).optional(),
  request: z.object({ bytes: z.int().min(0) }),
  outcome: z.object({ status: z.enum(['ok', 'tool_error', 'error']), code: z.string().optional(), bytes: z.int().min(0), durationUs: z.int().min(0) }).optional(),
});

/**
 * Bodies are canonical JSON, in which these characters can't be part of a value: a quote inside one is escaped. So entries
 * that are never usage, half of the log at least, are passed over without being parsed; anything unfamiliar is parsed.
 */
const NEVER_USAGE = ['"phase":"intent"', '"phase":"denied"', '"phase":"late"'] as const;

/**
 * The usage in a page of an organization's log. The page must begin at `from` and have no gap: a missing entry would be
 * usage that is never counted. Throws an `unavailable` that names the entry when the log can't be counted as it is.
 */
export function countPage(organization: string, from: number, entries: readonly LoggedEntry[]): readonly UsageWindow[] {
  const usage: UsageWindow[] = [];
  entries.forEach((entry, offset) => {
    if (entry.index !== from + offset) throw unusable(organization, from + offset, `the audit service sent entry ${entry.index} in its place`);
    if (NEVER_USAGE.some((phase) => entry.body.includes(phase))) return;
    try {
      const one = usageOf(countedEntry.parse(JSON.parse(entry.body)));
      if (one) usage.push(one);
    } catch (cause) {
      throw unusable(organization, entry.index, 'its content is not an audit entry', cause);
    }
  });
  return foldUsage(usage);
}

function unusable(organization: string, index: number, why: string, cause?: unknown): GatewayError {
  return new GatewayError('unavailable', `Entry ${index} of the audit log of "${organization}" can't be counted: ${why}.`, { cause });
}
