import { CliError, EXIT } from './cli-error.js';

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };
const LONGEST_MS = 100 * 365 * 86_400_000;

/** `90s`, `5m`, `1h30m`, `30d` -> milliseconds. */
export function parseDuration(text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|[smhdw])/g)];
  const total = parts.reduce((sum, [, amount, unit]) => sum + Number(amount) * (UNIT_MS[unit as string] ?? 0), 0);
  if (parts.length === 0 || parts.map(([whole]) => whole).join('') !== text || total > LONGEST_MS) {
    throw new CliError(`"${text}" is not a duration. Write 90s, 5m, 1h30m, 30d or 2w.`, { exitCode: EXIT.usage, code: 'usage' });
  }
  return total;
}

/** A duration back from now, or an instant as ISO 8601; the answer is ISO 8601 UTC. */
export function parseSince(text: string, nowMs: number): string {
  if (/^\d{4}-\d{2}-\d{2}/.test(text)) {
    const at = Date.parse(text);
    if (!Number.isNaN(at)) return new Date(at).toISOString();
  }
  return new Date(nowMs - parseDuration(text)).toISOString();
}
