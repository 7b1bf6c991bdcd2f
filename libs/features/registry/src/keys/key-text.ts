import { createHmac, randomBytes } from 'node:crypto';
import { keyId, type KeyId } from '@mcpgw/contracts';

const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
/** 62^43 > 2^256. */
const TOKEN_LENGTH = 43;
const ID_LENGTH = 12;

/** 32 random bytes as 43 letters and digits. */
export function randomToken(): string {
  return base62(randomBytes(32), TOKEN_LENGTH);
}

/** A key and its public part, as `keyId` in the contracts says. */
export function makeKey(): { readonly id: KeyId; readonly key: string } {
  // 16 bytes for 71.45 bits, so that the digits stay uniform to within 2^-56.
  const name = base62(randomBytes(16), ID_LENGTH);
  return { id: keyId.parse(`key_${name}`), key: `mcpgw_${name}_${randomToken()}` };
}

/** What is stored instead of a key or token: HMAC-SHA-256 under the pepper, base64url. */
export function keyedHash(pepper: Buffer, text: string): string {
  return createHmac('sha256', pepper).update(text, 'utf8').digest('base64url');
}

/** The last `length` base-62 digits of a number. */
function base62(bytes: Buffer, length: number): string {
  let rest = BigInt(`0x${bytes.toString('hex')}`);
  let text = '';
  for (let index = 0; index < length; index += 1) {
    text = `${DIGITS[Number(rest % 62n)]}${text}`;
    rest /= 62n;
  }
  return text;
}
