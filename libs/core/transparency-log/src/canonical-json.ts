/**
 * RFC 8785 (JSON Canonicalization Scheme): one text for one value, whatever the order its properties were set in. Properties
 * whose value is `undefined` are left out, as JSON.stringify does. Throws a TypeError on what has no canonical form: numbers
 * that aren't finite, lone surrogates, bigint, functions, symbols, and what is nested deeper than 128 levels.
 */
export function canonicalize(value: unknown): string {
  const text = write(value, 0);
  if (text === undefined) throw new TypeError('A value of type undefined has no canonical JSON.');
  return text;
}

const MAX_DEPTH = 128;
/** Up to this many names sorting them by insertion is the cheaper way; its steps grow with the square of their number. */
const MAX_INSERTED = 32;
/** Characters that JSON.stringify escapes, and surrogates, which need a look. Anything else is copied between quotes. */
// eslint-disable-next-line no-control-regex
const NEEDS_CARE = /[\u0000-\u001f"\\\ud800-\udfff]/;
/** Property names as they are written, colon included: the same few are written over and over. Once full it takes no more. */
const WRITTEN_NAMES = new Map<string, string>();
const MAX_WRITTEN_NAMES = 512;
const MAX_WRITTEN_NAME_CHARACTERS = 32;

function write(value: unknown, depth: number): string | undefined {
  switch (typeof value) {
    case 'string':
      return writeString(value);
    case 'number':
      if (!Number.isFinite(value)) throw new TypeError(`The number ${value} has no canonical JSON.`);
      return Object.is(value, -0) ? '0' : `${value}`;
    case 'boolean':
      return value ? 'true' : 'false';
    case 'undefined':
      return undefined;
    case 'object':
      if (value === null) return 'null';
      if (depth >= MAX_DEPTH) throw new TypeError(`Canonical JSON is limited to ${MAX_DEPTH} levels.`);
      return Array.isArray(value) ? writeArray(value, depth) : writeObject(value as Readonly<Record<string, unknown>>, depth);
    default:
      throw new TypeError(`A value of type ${typeof value} has no canonical JSON.`);
  }
}

function writeString(value: string): string {
  if (!NEEDS_CARE.test(value)) return `"${value}"`;
  if (!value.isWellFormed()) throw new TypeError('A string with a lone surrogate has no canonical JSON.');
  return JSON.stringify(value);
}

function writeName(name: string): string {
  let text = WRITTEN_NAMES.get(name);
  if (text !== undefined) return text;
  text = `${writeString(name)}:`;
  if (WRITTEN_NAMES.size < MAX_WRITTEN_NAMES && name.length <= MAX_WRITTEN_NAME_CHARACTERS) WRITTEN_NAMES.set(name, text);
  return text;
}

function writeArray(value: readonly unknown[], depth: number): string {
  let text = '[';
  for (let index = 0; index < value.length; index++) {
    if (index > 0) text += ',';
    text += write(value[index], depth + 1) ?? 'null';
  }
  return `${text}]`;
}

function writeObject(value: Readonly<Record<string, unknown>>, depth: number): string {
  const names = Object.keys(value);
  sort(names);
  let text = '{';
  for (const name of names) {
    const member = write(value[name], depth + 1);
    if (member === undefined) continue;
    if (text.length > 1) text += ',';
    text += writeName(name) + member;
  }
  return `${text}}`;
}

/** Property names in the order of their UTF-16 code units (RFC 8785, 3.2.3), which is also that of `sort` and `>`. */
function sort(names: string[]): void {
  if (names.length > MAX_INSERTED) {
    names.sort();
    return;
  }
  for (let index = 1; index < names.length; index++) {
    const name = names[index] as string;
    let at = index;
    for (; at > 0 && (names[at - 1] as string) > name; at--) names[at] = names[at - 1] as string;
    names[at] = name;
  }
}
