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

/** Schemes that hosts look for by their beginning (MCP Apps, MCP Skills): there the server stands behind it. */
const KEPT_SCHEME = /^(ui|skill):\/\//;
const SERVER = '[a-z][a-z0-9-]{0,30}';
const IN_FRONT = new RegExp(`^(${SERVER})\\+([^]+)$`);
const BEHIND_SCHEME = new RegExp(`^((?:ui|skill)://)(${SERVER})\\+/([^]*)$`);

/**
 * A resource URI or template of a server: `<server>+<uri>` is again a URI (RFC 3986 allows `+` in schemes). `ui://<rest>` and
 * `skill://<rest>` become `ui://<server>+/<rest>`: hosts take nothing else for an app, or a skill, and the path behind the
 * server, which names the skill, stays whole.
 */
export function federatedUri(server: string, uri: string): string {
  const scheme = KEPT_SCHEME.exec(uri)?.[0];
  return scheme === undefined ? `${server}+${uri}` : `${scheme}${server}+/${uri.slice(scheme.length)}`;
}

/** The way back from `federatedUri`; `undefined` when it names no server. Whether the server exists is the caller's to check. */
export function splitUri(uri: string): { readonly server: string; readonly uri: string } | undefined {
  const behind = BEHIND_SCHEME.exec(uri);
  if (behind) return { server: behind[2] as string, uri: `${behind[1]}${behind[3]}` };
  const inFront = IN_FRONT.exec(uri);
  return inFront ? { server: inFront[1] as string, uri: inFront[2] as string } : undefined;
}
