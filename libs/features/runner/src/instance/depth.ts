/** No message of sense nests deeper; what does can't be walked through, copied or written without the stack running out. */
export const MAX_DEPTH = 512;

/** Whether a parsed JSON value nests deeper than that. Never runs out of stack itself. */
export function isTooDeep(value: unknown, levels: number = MAX_DEPTH): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (levels === 0) return true;
  if (Array.isArray(value)) return value.some((item) => isTooDeep(item, levels - 1));
  for (const key in value) if (isTooDeep((value as Record<string, unknown>)[key], levels - 1)) return true;
  return false;
}
