import { hourLabel, type HourStart } from './hour.js';
import type { WindowRevision } from './revision.js';

export const METERS = ['mcpgw_calls', 'mcpgw_duration_ms', 'mcpgw_bytes'] as const;
export type Meter = (typeof METERS)[number];

/** Stripe accepts at most this many characters. */
export const MAX_IDENTIFIER_LENGTH = 100;

export interface MeterEvent {
  readonly meter: Meter;
  /** `<organization>:<meter>:<hour>:<revision>`: names one delta for ever, so that sending it twice counts it once. */
  readonly identifier: string;
  /** A positive integer in the meter's unit. */
  readonly value: number;
}

/**
 * The meter events of one revision; a meter that did not move has none. Milliseconds are the difference of two rounded-down
 * totals, not a rounded difference: so the events of an hour add up to its total, whatever it was split into.
 */
export function meterEvents(organization: string, hour: HourStart, { revision, delta, total }: WindowRevision): readonly MeterEvent[] {
  const values: Record<Meter, number> = {
    mcpgw_calls: delta.calls,
    mcpgw_duration_ms: Math.floor(total.durationUs / 1_000) - Math.floor((total.durationUs - delta.durationUs) / 1_000),
    mcpgw_bytes: delta.bytes,
  };
  return METERS.filter((meter) => values[meter] > 0).map((meter) => ({ meter, identifier: meterEventIdentifier(organization, meter, hour, revision), value: values[meter] }));
}

export function meterEventIdentifier(organization: string, meter: Meter, hour: HourStart, revision: number): string {
  const identifier = `${organization}:${meter}:${hourLabel(hour)}:${revision}`;
  if (identifier.length > MAX_IDENTIFIER_LENGTH) throw new RangeError(`The meter event identifier ${identifier} has ${identifier.length} characters, at most ${MAX_IDENTIFIER_LENGTH} are allowed.`);
  return identifier;
}
