import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';

const IV_BYTES = 12;
const TAG_BYTES = 16;
const TOKEN = /^[A-Za-z0-9_-]+$/;

/**
 * Values that a client keeps for us and must not read, make or alter: AES-256-GCM under a key of this purpose alone (RFC 5869).
 * What a value was sealed for, the `binding`, is authenticated with it and not inside: it opens for nothing else.
 */
export class Seal {
  private readonly key: Uint8Array;

  constructor(
    secret: Uint8Array,
    purpose: string,
    private readonly maxCharacters: number,
  ) {
    this.key = new Uint8Array(hkdfSync('sha256', secret, '', purpose, 32));
  }

  /** `undefined` for a value that would be too long to come back. */
  seal(value: unknown, binding: string): string | undefined {
    const iv = randomBytes(IV_BYTES);
    const cipher = createCipheriv('aes-256-gcm', this.key, iv).setAAD(Buffer.from(binding));
    const sealed = Buffer.concat([cipher.update(JSON.stringify(value), 'utf8'), cipher.final()]);
    const token = Buffer.concat([iv, cipher.getAuthTag(), sealed]).toString('base64url');
    return token.length <= this.maxCharacters ? token : undefined;
  }

  /** `undefined` for whatever this wasn't sealed as: there is nothing to be learnt from it. */
  open(token: unknown, binding: string): unknown {
    if (typeof token !== 'string' || token.length > this.maxCharacters || !TOKEN.test(token)) return undefined;
    const bytes = Buffer.from(token, 'base64url');
    if (bytes.length <= IV_BYTES + TAG_BYTES) return undefined;
    try {
      const decipher = createDecipheriv('aes-256-gcm', this.key, bytes.subarray(0, IV_BYTES), { authTagLength: TAG_BYTES });
      decipher.setAAD(Buffer.from(binding)).setAuthTag(bytes.subarray(IV_BYTES, IV_BYTES + TAG_BYTES));
      return JSON.parse(Buffer.concat([decipher.update(bytes.subarray(IV_BYTES + TAG_BYTES)), decipher.final()]).toString('utf8'));
    } catch {
      return undefined;
    }
  }
}
