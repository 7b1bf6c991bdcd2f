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
/** Characters that JSON.stringify escapes, and surrogates, which need a look. Anything else is copied between quotes. */
// eslint-disable-next-line no-control-regex
const NEEDS_CARE = /[\u0000-\u001f"\\\ud800-\udfff]/;

function write(value: unknown, depth: number): string | undefined {
  switch (typeof value) {
    case 'string':
      return NEEDS_CARE.test(value) ? writeCareful(value) : `"${value}"`;
    case 'number':
      if (!Number.isFinite(value)) throw new TypeError(`The number ${value} has no canonical JSON.`);
      return Object.is(value, -0) ? '0' : String(value);
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

function writeCareful(value: string): string {
  if (!value.isWellFormed()) throw new TypeError('A string with a lone surrogate has no canonical JSON.');
  return JSON.stringify(value);
}

function writeArray(value: readonly unknown[], depth: number): string {
  let text = '[';
  for (let index = 0; index < value.length; index++) {
    text += `${index === 0 ? '' : ','}${write(value[index], depth + 1) ?? 'null'}`;
  }
  return `${text}]`;
}

/** Property names in the order of their UTF-16 code units (RFC 8785, 3.2.3), which is what `sort` does by default. */
function writeObject(value: Readonly<Record<string, unknown>>, depth: number): string {
  const names = Object.keys(value);
  if (!sorted(names)) names.sort();
  let text = '{';
  for (const name of names) {
    const member = write(value[name], depth + 1);
    if (member === undefined) continue;
    text += `${text.length === 1 ? '' : ','}${write(name, depth)}:${member}`;
  }
  return `${text}}`;
}

/** Most objects are written with their names in order: looking is cheaper than sorting. */
function sorted(names: readonly string[]): boolean {
  for (let index = 1; index < names.length; index++) {
    if ((names[index - 1] as string) > (names[index] as string)) return false;
  }
  return true;
}
