export { isIdle, spend, type Allowance, type Meter, type Rate } from './gcra.js';
export { DEFAULT_MAX_KEYS, MeterTable, type Charge, type Verdict } from './meter-table.js';
