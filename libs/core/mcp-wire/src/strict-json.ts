import { isUtf8 } from 'node:buffer';
import { endOfString, isUnsafe, locateFault, type StrictJsonFault } from './strict-json-fault.js';

export interface StrictJsonLimits {
  readonly maxBytes: number;
  readonly maxDepth: number;
}

export type StrictJsonResult = { readonly ok: true; readonly value: unknown } | StrictJsonFault;

/**
 * Parses JSON (RFC 8259) that no two readers can understand differently (RFC 7493, I-JSON): no duplicate keys, no number
 * that is an integer beyond 2^53-1, no lone surrogates, no byte order mark, no `__proto__`. What it accepts equals
 * `JSON.parse`. Never throws.
 *
 * The engine's own parser does the work; beside it, one scan over the text counts members and depth, and one walk over the
 * value counts the keys that were kept. The counts differ exactly when a key was there twice, however it was escaped. Only a
 * body that is refused is read a third time, by a slow scanner that finds the place.
 */
export function parseStrict(bytes: Uint8Array, limits: StrictJsonLimits): StrictJsonResult {
  if (bytes.length > limits.maxBytes) {
    return { ok: false, code: 'too_large', message: `the body has ${bytes.length} bytes; at most ${limits.maxBytes} are accepted`, position: limits.maxBytes };
  }
  const buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (!isUtf8(buffer)) return invalidUtf8(buffer);
  const text = buffer.toString('utf8');
  const members = countMembers(text, limits.maxDepth);
  if (members === TOO_DEEP) return locateFault(text, limits.maxDepth);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return locateFault(text, limits.maxDepth);
  }
  const keys = text.includes('\\u') ? countKeysOfEscaped(value) : countKeys(value);
  return keys === members ? { ok: true, value } : locateFault(text, limits.maxDepth);
}

const TOO_DEEP = -1;
const QUOTE = 0x22;
const COLON = 0x3a;

/** Colons outside strings, which is the number of members when the text is valid JSON. */
function countMembers(text: string, maxDepth: number): number {
  let members = 0;
  let depth = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      at = endOfString(text, at + 1);
    } else if (code === COLON) {
      members += 1;
    } else if (code === 0x7b || code === 0x5b) {
      depth += 1;
      if (depth > maxDepth) return TOO_DEEP;
    } else if (code === 0x7d || code === 0x5d) {
      depth -= 1;
    }
  }
  return members;
}

/** Keys in the value; NaN (which equals nothing) for a value that strict JSON can't hold. Depth is bounded already. */
function countKeys(value: unknown): number {
  if (typeof value === 'number') return isUnsafe(value) ? NaN : 0;
  if (typeof value !== 'object' || value === null) return 0;
  let keys = 0;
  if (Array.isArray(value)) {
    for (const item of value) if (typeof item !== 'string') keys += countKeys(item);
    return keys;
  }
  const object = value as Record<string, unknown>;
  for (const key in object) {
    if (key === '__proto__') return NaN;
    keys += 1;
    const member = object[key];
    if (typeof member !== 'string') keys += countKeys(member);
  }
  return keys;
}

/** The same, and checks each string: only `\u` escapes can make a lone surrogate, since the bytes are valid UTF-8. */
function countKeysOfEscaped(value: unknown): number {
  if (typeof value === 'string') return value.isWellFormed() ? 0 : NaN;
  if (typeof value === 'number') return isUnsafe(value) ? NaN : 0;
  if (typeof value !== 'object' || value === null) return 0;
  let keys = 0;
  if (Array.isArray(value)) {
    for (const item of value) keys += countKeysOfEscaped(item);
    return keys;
  }
  const object = value as Record<string, unknown>;
  for (const key in object) {
    if (key === '__proto__' || !key.isWellFormed()) return NaN;
    keys += 1 + countKeysOfEscaped(object[key]);
  }
  return keys;
}

function invalidUtf8(bytes: Buffer): StrictJsonFault {
  const repaired = Buffer.from(bytes.toString('utf8'));
  let position = 0;
  while (bytes[position] === repaired[position]) position += 1;
  return { ok: false, code: 'invalid_utf8', message: `the body is not valid UTF-8 from byte ${position} on`, position };
}
