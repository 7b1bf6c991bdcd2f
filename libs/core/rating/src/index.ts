export { HOUR_MS, hourLabel, hourOf, isOver, type HourStart } from './hour.js';
export { MAX_IDENTIFIER_LENGTH, meterEventIdentifier, meterEvents, METERS, type Meter, type MeterEvent } from './meter.js';
export { billedUsage, nextRevision, NOTHING_BILLED, type BilledUsage, type WindowRevision } from './revision.js';
export { addUsage, foldUsage, NO_USAGE, NOBODY, usageOf, type CountedEntry, type UsageCounts, type UsageWindow, type WindowKey } from './usage.js';
