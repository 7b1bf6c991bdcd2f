import { randomBytes } from 'node:crypto';

const POOL_BYTES = 4_096;
const RANDOM_CHARACTERS = 20;
/** As hex, and turned into text once for some 400 ids. */
let pool = '';
let used = 0;
let timeMs = -1;
let time = '';

/** RFC 9562 UUIDv7: 48 bits of milliseconds, then 74 random bits. Sorts by time to the millisecond. */
export function uuid7(nowMs: number): string {
  if (used + RANDOM_CHARACTERS > pool.length) {
    pool = randomBytes(POOL_BYTES).toString('hex');
    used = 0;
  }
  if (nowMs !== timeMs) {
    const hex = nowMs.toString(16).padStart(12, '0');
    time = `${hex.slice(0, 8)}-${hex.slice(8)}-7`;
    timeMs = nowMs;
  }
  const at = used;
  used += RANDOM_CHARACTERS;
  const variant = '89ab'[Number.parseInt(pool[at + 3] as string, 16) & 3] as string;
  return `${time}${pool.slice(at, at + 3)}-${variant}${pool.slice(at + 4, at + 7)}-${pool.slice(at + 7, at + 19)}`;
}
