import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { GatewayError, type SealedSecret } from '@mcpgw/contracts';

const KEY_VERSION = 1;

/** AES-256-GCM as the contract `sealedSecret` says: one key per organization, bound to the secret's name. */
export class SecretBox {
  constructor(private readonly rootKey: Buffer) {}

  seal(organization: string, name: string, value: string): SealedSecret {
    const iv = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', this.key(organization), iv).setAAD(additionalData(organization, name, KEY_VERSION));
    const ciphertext = Buffer.concat([cipher.update(value, 'utf8'), cipher.final()]);
    return { keyVersion: KEY_VERSION, iv: iv.toString('base64url'), ciphertext: ciphertext.toString('base64url'), tag: cipher.getAuthTag().toString('base64url') };
  }

  /** Throws `unavailable` when the ciphertext was made with another key, or for another organization or name. */
  open(organization: string, name: string, sealed: SealedSecret): string {
    try {
      const decipher = createDecipheriv('aes-256-gcm', this.key(organization), Buffer.from(sealed.iv, 'base64url'), { authTagLength: 16 });
      decipher.setAAD(additionalData(organization, name, sealed.keyVersion)).setAuthTag(Buffer.from(sealed.tag, 'base64url'));
      return Buffer.concat([decipher.update(Buffer.from(sealed.ciphertext, 'base64url')), decipher.final()]).toString('utf8');
    } catch (cause) {
      throw new GatewayError('unavailable', `The secret "${name}" can't be opened with this gateway's secrets key. Set it again: mcpgw secret set ${name}.`, { cause });
    }
  }

  private key(organization: string): Buffer {
    return Buffer.from(hkdfSync('sha256', this.rootKey, Buffer.alloc(0), `mcpgw-secrets|${organization}`, 32));
  }
}

function additionalData(organization: string, name: string, keyVersion: number): Buffer {
  return Buffer.from(`${organization}|${name}|${keyVersion}`, 'utf8');
}
