import { createHash } from 'node:crypto';

/** Model providers refuse tool names that are longer or hold other characters. */
export const MAX_FEDERATED_NAME = 64;

const SEPARATOR = '__';
const ALLOWED = /^[A-Za-z0-9_-]+$/;
const HASH_CHARACTERS = 8;

/**
 * The name under which a tool or prompt of a server is shown. A function of its two inputs alone, so that the order in which
 * servers connect can't change it. Names that don't fit end in 8 hexadecimal digits of SHA-256 over the full
 * `<server>/<name>`: without it, names cut at the tail or with characters replaced would become equal.
 */
export function federatedName(server: string, name: string): string {
  const plain = server + SEPARATOR + name;
  if (name.length > 0 && plain.length <= MAX_FEDERATED_NAME && ALLOWED.test(plain)) return plain;
  const digest = createHash('sha256').update(`${server}/${name}`).digest('hex').slice(0, HASH_CHARACTERS);
  const readable = plain.replace(/[^A-Za-z0-9_-]/g, '_').slice(0, MAX_FEDERATED_NAME - HASH_CHARACTERS - 1);
  return `${readable}_${digest}`;
}

/** A resource URI or template of a server: `<server>+<uri>` is again a URI (RFC 3986 allows `+` in schemes). */
export function federatedUri(server: string, uri: string): string {
  return `${server}+${uri}`;
}

/** The way back from `federatedUri`; `undefined` when no server name stands in front. Whether the server exists is the caller's to check. */
export function splitUri(uri: string): { readonly server: string; readonly uri: string } | undefined {
  const at = uri.indexOf('+');
  if (at < 1 || at === uri.length - 1) return undefined;
  const server = uri.slice(0, at);
  return /^[a-z][a-z0-9-]{0,30}$/.test(server) ? { server, uri: uri.slice(at + 1) } : undefined;
}
