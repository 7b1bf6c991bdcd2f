import { auditEntry, type AuditEntry, type LoggedEntry } from '@mcpgw/contracts';
import { plain } from '../output/table.js';

/** An entry as somebody reads it; what can't be read is shown as it is, for `audit verify` says what is wrong with it. */
export function entryValue({ index, body }: LoggedEntry): Record<string, unknown> {
  try {
    return { index, ...(JSON.parse(body) as Record<string, unknown>) };
  } catch {
    return { index, unreadable: body };
  }
}

export function entryLine(logged: LoggedEntry): string {
  const entry = parsed(logged);
  if (!entry) return `#${logged.index}  (not readable; see mcpgw audit verify)`;
  const { time, phase, organization, principal, method, server, target, callId } = entry;
  const who = `${organization}${principal ? `/${principal.consumer}` : ''}`;
  const what = target === undefined ? '' : `${server === undefined ? '' : `${server}/`}${target}`;
  return plain([time, phase.padEnd(7), who, method, what, verdict(entry), callId].filter((part) => part !== '').join('  '));
}

export function entryBlock(logged: LoggedEntry & { readonly organization: string }): string {
  const { index: _index, ...fields } = entryValue(logged);
  return [`#${logged.index} of ${logged.organization}  leaf ${logged.leafHash}`, ...Object.entries(fields).map(([name, value]) => `  ${name.padEnd(12)} ${plain(typeof value === 'string' ? value : JSON.stringify(value))}`)].join('\n');
}

function verdict({ outcome, decision }: AuditEntry): string {
  if (outcome) return `${outcome.status}${outcome.code ? ` (${outcome.code})` : ''} ${(outcome.durationUs / 1_000).toFixed(1)} ms`;
  if (decision?.effect === 'deny') return `denied${decision.ruleIds.length > 0 ? ` by ${decision.ruleIds.join(', ')}` : ''}${decision.reason ? `: ${decision.reason}` : ''}`;
  return '';
}

function parsed({ body }: LoggedEntry): AuditEntry | undefined {
  try {
    return auditEntry.safeParse(JSON.parse(body)).data;
  } catch {
    return undefined;
  }
}
