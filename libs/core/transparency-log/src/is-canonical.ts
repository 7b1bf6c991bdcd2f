import { canonicalize } from './canonical-json.js';

/**
 * Whether this text, of which `value` is what JSON.parse made, is the value's canonical form. The same answer as
 * `canonicalize(value) === text`, and throws where that throws; but most entries are told without being written again.
 */
export function isCanonical(text: string, value: unknown): boolean {
  if (text.length <= MAX_PLAIN_CHARACTERS && PLAIN.test(text) && plainLength(value, 0) === text.length) return true;
  return canonicalize(value) === text;
}

/** Longer ones are rare, and a regular expression's memory grows with the text. */
const MAX_PLAIN_CHARACTERS = 65_536;

/**
 * Nothing between the tokens, and only tokens that have no other spelling: strings without escapes and surrogates, whole
 * numbers of at most 15 digits (not the first 15 of more). What is left to make a text not canonical is the order of names,
 * and names that come twice.
 */
// eslint-disable-next-line no-control-regex
const PLAIN = /^(?:[{}[\],:]|"[^"\\\u0000-\u001f\ud800-\udfff]*"|(?:0|[1-9][0-9]{0,14})(?![0-9])|true|false|null)*$/;

const MAX_DEPTH = 128;
const DIGIT_ZERO = 0x30;
const DIGIT_NINE = 0x39;

/**
 * Length of the canonical form of a value whose text is plain; NaN when it can't be told here: names out of order, nesting
 * beyond what is canonical, or names that begin with a digit, which JSON.parse may have brought into another order. Of a name
 * that comes twice the value has one member, so the text is longer than this.
 */
function plainLength(value: unknown, depth: number): number {
  switch (typeof value) {
    case 'string':
      return value.length + 2;
    case 'number':
      return digits(value);
    case 'boolean':
      return value ? 4 : 5;
    default:
      if (value === null) return 4;
      if (depth >= MAX_DEPTH) return Number.NaN;
      return Array.isArray(value) ? arrayLength(value, depth) : objectLength(value as Readonly<Record<string, unknown>>, depth);
  }
}

function arrayLength(value: readonly unknown[], depth: number): number {
  let length = 2 + Math.max(0, value.length - 1);
  for (const element of value) length += plainLength(element, depth + 1);
  return length;
}

function objectLength(value: Readonly<Record<string, unknown>>, depth: number): number {
  let length = 1;
  let before = '';
  const names = Object.keys(value);
  for (const name of names) {
    if (before > name) return Number.NaN;
    const first = name.charCodeAt(0);
    if (first >= DIGIT_ZERO && first <= DIGIT_NINE) return Number.NaN;
    before = name;
    // Quotes, colon, and the comma or brace behind it.
    length += name.length + 4 + plainLength(value[name], depth + 1);
  }
  return names.length === 0 ? 2 : length;
}

function digits(value: number): number {
  let count = 1;
  for (let bound = 10; bound <= value; bound *= 10) count++;
  return count;
}
