/** One hour of UTC, known by its start in milliseconds since the epoch. */
export type HourStart = number;

export const HOUR_MS = 3_600_000;

/** The hour that an instant (milliseconds since the epoch) falls into. */
export function hourOf(instantMs: number): HourStart {
  return Math.floor(instantMs / HOUR_MS) * HOUR_MS;
}

/** An hour may be closed once it is over and the grace for stragglers has passed. */
export function isOver(hour: HourStart, nowMs: number, graceMs: number): boolean {
  return nowMs >= hour + HOUR_MS + graceMs;
}

/** ISO 8601 basic format, `20261122T09`: sorts by time and needs no character that an identifier may not hold. */
export function hourLabel(hour: HourStart): string {
  return new Date(hour).toISOString().slice(0, 13).replaceAll('-', '');
}
