import { createPublicKey, hash, verify } from 'node:crypto';

/** A C2SP tlog-checkpoint v1.0.0: which log, how many entries, the root over them. */
export interface CheckpointText {
  readonly origin: string;
  readonly size: number;
  readonly root: Buffer;
}

/** An Ed25519 key that signs notes, as a C2SP vkey names it. */
export interface NoteVerifier {
  readonly name: string;
  readonly keyId: Buffer;
  readonly publicKey: Buffer;
}

export interface NoteSigner {
  readonly verifier: NoteVerifier;
  /** Ed25519 over these bytes: 64 bytes. */
  readonly sign: (message: Buffer) => Buffer;
}

/** C2SP signed-note, signature type of Ed25519. */
const ED25519 = 0x01;
const PUBLIC_KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;
const KEY_ID_BYTES = 4;
const MAX_NOTE_CHARACTERS = 65_536;
/** DER in front of the 32 bytes of an Ed25519 public key (RFC 8410). */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');

/** Key id = SHA-256(name || 0x0A || 0x01 || public key)[:4]. The name must hold neither spaces nor plus. */
export function noteVerifier(name: string, publicKey: Uint8Array): NoteVerifier {
  if (!/^[^\s+]+$/u.test(name)) throw new TypeError(`A note key's name must have neither spaces nor plus signs: "${name}".`);
  if (publicKey.length !== PUBLIC_KEY_BYTES) throw new TypeError('An Ed25519 public key has 32 bytes.');
  const keyId = hash('sha256', Buffer.concat([Buffer.from(`${name}\n`), Buffer.of(ED25519), publicKey]), 'buffer').subarray(0, KEY_ID_BYTES);
  return { name, keyId, publicKey: Buffer.from(publicKey) };
}

/** `<name>+<key id in hex>+<base64 of 0x01 || public key>`. */
export function formatVerifierKey(verifier: NoteVerifier): string {
  return `${verifier.name}+${verifier.keyId.toString('hex')}+${Buffer.concat([Buffer.of(ED25519), verifier.publicKey]).toString('base64')}`;
}

/** Throws a TypeError that says what is wrong with the key. */
export function parseVerifierKey(text: string): NoteVerifier {
  const match = /^([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+={0,2})$/u.exec(text);
  if (!match) throw new TypeError('A verifier key reads "<name>+<8 hex digits>+<base64>".');
  const bytes = Buffer.from(match[3] as string, 'base64');
  if (bytes[0] !== ED25519 || bytes.length !== 1 + PUBLIC_KEY_BYTES) throw new TypeError('The verifier key is not one of Ed25519.');
  const verifier = noteVerifier(match[1] as string, bytes.subarray(1));
  if (verifier.keyId.toString('hex') !== match[2]) throw new TypeError("The verifier key's id doesn't fit its name and key.");
  return verifier;
}

/** The text that is signed: origin, size, base64 root, each with a newline. */
export function formatCheckpoint(origin: string, size: number, root: Uint8Array): string {
  return `${origin}\n${size}\n${Buffer.from(root).toString('base64')}\n`;
}

/** The note: the text, an empty line, one signature line for each signer. */
export function signNote(text: string, signers: readonly NoteSigner[]): string {
  const lines = signers.map(({ verifier, sign }) => {
    const signature = Buffer.concat([verifier.keyId, sign(Buffer.from(text))]).toString('base64');
    return `\u2014 ${verifier.name} ${signature}\n`;
  });
  return `${text}\n${lines.join('')}`;
}

export type OpenedCheckpoint = { readonly ok: true; readonly checkpoint: CheckpointText } | { readonly ok: false; readonly reason: string };

/**
 * Parses a signed checkpoint and requires a valid signature of one of the trusted keys. Signatures of unknown keys are
 * ignored, as the standard asks; a known key with a wrong signature makes the whole note invalid.
 */
export function openCheckpoint(note: string, trusted: readonly NoteVerifier[]): OpenedCheckpoint {
  if (note.length > MAX_NOTE_CHARACTERS) return { ok: false, reason: 'it is too long' };
  const split = note.lastIndexOf('\n\n');
  if (split < 0 || !note.endsWith('\n')) return { ok: false, reason: 'it is not a signed note' };
  const text = note.slice(0, split + 1);
  const message = Buffer.from(text);
  let verified = false;
  for (const line of note.slice(split + 2, -1).split('\n')) {
    const match = /^\u2014 (\S+) (\S+)$/u.exec(line);
    if (!match) return { ok: false, reason: 'a signature line is malformed' };
    const bytes = Buffer.from(match[2] as string, 'base64');
    const key = trusted.find((candidate) => candidate.name === match[1] && candidate.keyId.equals(bytes.subarray(0, KEY_ID_BYTES)));
    if (!key) continue;
    if (!verifySignature(key, message, bytes.subarray(KEY_ID_BYTES))) return { ok: false, reason: `the signature of ${key.name} is wrong` };
    verified = true;
  }
  if (!verified) return { ok: false, reason: 'it has no signature of a trusted key' };
  return parseCheckpoint(text);
}

function parseCheckpoint(text: string): OpenedCheckpoint {
  const match = /^([^\n]+)\n(0|[1-9][0-9]{0,15})\n([A-Za-z0-9+/]{43}=)\n(?:[^\n]+\n)*$/u.exec(text);
  if (!match || !Number.isSafeInteger(Number(match[2]))) return { ok: false, reason: 'its text is no checkpoint' };
  return { ok: true, checkpoint: { origin: match[1] as string, size: Number(match[2]), root: Buffer.from(match[3] as string, 'base64') } };
}

function verifySignature(key: NoteVerifier, message: Buffer, signature: Buffer): boolean {
  if (signature.length !== SIGNATURE_BYTES) return false;
  return verify(null, message, createPublicKey({ key: Buffer.concat([SPKI_PREFIX, key.publicKey]), format: 'der', type: 'spki' }), signature);
}
