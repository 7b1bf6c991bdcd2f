import { createCipheriv, createDecipheriv, randomBytes, type KeyObject } from 'node:crypto';
import { carriedCapabilities, type JsonObject } from '@mcpgw/core-mcp-wire';

/**
 * A legacy session (MCP up to 2025-11-25, transports, session management). It is whatever its token says: no replica
 * remembers it, any replica can serve it.
 */
export interface Session {
  /** Random; names the session in this process's tables. */
  readonly id: string;
  /** Whose it is, as `subjectOf` writes it. */
  readonly subject: string;
  readonly protocolVersion: string;
  /** The client's name for itself, for the log. */
  readonly clientName: string | undefined;
  /** What the client may be asked for, as `carriedCapabilities` made it of its `initialize`. */
  readonly capabilities: JsonObject;
  readonly issuedAtMs: number;
}

const IV_BYTES = 12;
const TAG_BYTES = 16;
const MAX_TOKEN_CHARACTERS = 6_144;
const PURPOSE = Buffer.from('mcpgw-session-1');
const TOKEN = /^[A-Za-z0-9_-]+$/;

/** Session ids as AES-256-GCM tokens: nobody else can make, read or alter one. */
export class SessionSeal {
  constructor(
    private readonly key: KeyObject,
    private readonly maxAgeMs: number,
  ) {}

  seal(session: Omit<Session, 'id' | 'issuedAtMs'>, nowMs: number): string {
    const { subject, protocolVersion, clientName, capabilities } = session;
    const text = JSON.stringify([randomBytes(12).toString('base64url'), subject, protocolVersion, clientName ?? null, nowMs, capabilities]);
    const iv = randomBytes(IV_BYTES);
    const cipher = createCipheriv('aes-256-gcm', this.key, iv).setAAD(PURPOSE);
    const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
    return Buffer.concat([iv, cipher.getAuthTag(), sealed]).toString('base64url');
  }

  /** `undefined` for a token that is malformed, too old or somebody else's: all three are unknown sessions. */
  open(token: string, subject: string, nowMs: number): Session | undefined {
    const session = this.decrypt(token);
    if (!session || session.subject !== subject) return undefined;
    return nowMs - session.issuedAtMs > this.maxAgeMs ? undefined : session;
  }

  private decrypt(token: string): Session | undefined {
    if (token.length > MAX_TOKEN_CHARACTERS || !TOKEN.test(token)) return undefined;
    const bytes = Buffer.from(token, 'base64url');
    if (bytes.length <= IV_BYTES + TAG_BYTES) return undefined;
    try {
      const decipher = createDecipheriv('aes-256-gcm', this.key, bytes.subarray(0, IV_BYTES), { authTagLength: TAG_BYTES });
      decipher.setAAD(PURPOSE).setAuthTag(bytes.subarray(IV_BYTES, IV_BYTES + TAG_BYTES));
      const text = Buffer.concat([decipher.update(bytes.subarray(IV_BYTES + TAG_BYTES)), decipher.final()]).toString('utf8');
      // A token of a release before capabilities were sealed has none: its client is asked nothing.
      const [id, subject, protocolVersion, clientName, issuedAtMs, capabilities] = JSON.parse(text) as [string, string, string, string | null, number, JsonObject?];
      return { id, subject, protocolVersion, clientName: clientName ?? undefined, issuedAtMs, capabilities: carriedCapabilities(capabilities) };
    } catch {
      return undefined;
    }
  }
}
