const MIN_LENGTH = 8;
const MASK = '[redacted secret]';

/** Replaces known secret values, and the ways in which they are commonly written, in what a server says. */
export type Redact = <Value>(value: Value) => Value;

/**
 * A second line: a server that means to leak its own secret can always disguise it, but one that echoes a header or prints
 * its configuration is caught. Values shorter than 8 characters are not looked for: they would match by chance.
 */
export function redactorFor(secrets: readonly string[]): Redact {
  const needles = [...new Set(secrets.filter((secret) => secret.length >= MIN_LENGTH).flatMap(writings))].sort((a, b) => b.length - a.length);
  if (needles.length === 0) return (value) => value;
  const text = (value: string): string => needles.reduce((result, needle) => (result.includes(needle) ? result.replaceAll(needle, MASK) : result), value);
  return (value) => redactValue(value, text);
}

/** Raw, JSON-escaped (also with `\/`), URL-encoded, hexadecimal, and Base64 in both alphabets wherever it may lie inside an encoded text. */
function writings(secret: string): readonly string[] {
  const bytes = Buffer.from(secret, 'utf8');
  const escaped = JSON.stringify(secret).slice(1, -1);
  const percent = encodeURIComponent(secret);
  const base64 = [0, 1, 2].flatMap((shift) => base64Within(bytes, shift));
  const forms = [secret, escaped, escaped.replaceAll('/', '\\/'), percent, percent.replaceAll('%20', '+'), bytes.toString('hex'), bytes.toString('base64'), bytes.toString('base64url'), ...base64];
  return forms.filter((form) => form.length >= MIN_LENGTH);
}

/** The characters of Base64 that depend on the secret alone when `shift` bytes (mod 3) stand before it. */
function base64Within(bytes: Buffer, shift: number): readonly string[] {
  const padded = Buffer.concat([Buffer.alloc(shift), bytes]);
  const from = Math.ceil((shift * 8) / 6);
  const to = Math.floor((padded.length * 8) / 6);
  return [padded.toString('base64').slice(from, to), padded.toString('base64url').slice(from, to)];
}

/** A copy only where something was replaced. */
function redactValue<Value>(value: Value, text: (value: string) => string): Value {
  if (typeof value === 'string') return text(value) as Value;
  if (Array.isArray(value)) {
    const items = value.map((item: unknown) => redactValue(item, text));
    return items.some((item, index) => item !== value[index]) ? (items as Value) : value;
  }
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value);
  const changed = entries.map(([key, item]) => [text(key), redactValue(item as unknown, text)] as const);
  return changed.some(([key, item], index) => key !== entries[index]?.[0] || item !== entries[index]?.[1]) ? (Object.fromEntries(changed) as Value) : value;
}
