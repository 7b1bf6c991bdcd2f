import { createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes, randomUUID, type KeyObject } from 'node:crypto';
import { chmodSync, existsSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/**
 * Key material as files of one folder (0700, files 0600): mounted in production, made on first use otherwise, so that no
 * default secret exists. Several processes may start at once on one folder: whoever links the file first wins, the others
 * read what it wrote.
 */
export class KeyFiles {
  constructor(private readonly directory: string) {}

  /** 32 random bytes under this name. */
  symmetric(name: SymmetricKeyName): Buffer {
    const text = this.readOrMake(name, () => `${randomBytes(32).toString('base64url')}\n`);
    const key = Buffer.from(text.trim(), 'base64url');
    if (key.length !== 32) throw new Error(`The key file ${path.join(this.directory, name)} must hold 32 bytes as base64url, it holds ${key.length}.`);
    return key;
  }

  /** An Ed25519 private key (PKCS 8, PEM) under this name; its public half is written beside it as `<name>.pub`. */
  signing(name: SigningKeyName): KeyObject {
    const key = createPrivateKey(this.readOrMake(name, () => generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()));
    this.readOrMake(`${name}.pub`, () => createPublicKey(key).export({ type: 'spki', format: 'pem' }).toString());
    return key;
  }

  /** The public half alone, for those who verify. Makes the pair when neither half is there yet. */
  verifying(name: SigningKeyName): KeyObject {
    if (!existsSync(path.join(this.directory, `${name}.pub`))) this.signing(name);
    return createPublicKey(readFileSync(path.join(this.directory, `${name}.pub`), 'utf8'));
  }

  private readOrMake(name: string, make: () => string): string {
    const file = path.join(this.directory, name);
    if (!existsSync(file)) {
      mkdirSync(this.directory, { recursive: true, mode: 0o700 });
      chmodSync(this.directory, 0o700);
      const draft = `${file}.${randomUUID()}`;
      writeFileSync(draft, make(), { mode: 0o600, flush: true });
      try {
        linkSync(draft, file);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      } finally {
        rmSync(draft, { force: true });
      }
    }
    return readFileSync(file, 'utf8');
  }
}

/**
 * Who holds what: `api-key-pepper` registry and edge; `secrets` edge and runner; `sessions` and `audit-arguments` edge;
 * `policy-signing` the PDP (its public half: edge); `audit-signing` the audit service.
 */
export type SymmetricKeyName = 'api-key-pepper' | 'secrets' | 'sessions' | 'audit-arguments';
export type SigningKeyName = 'policy-signing' | 'audit-signing';

export const KEY_FILES = Symbol('KeyFiles');
