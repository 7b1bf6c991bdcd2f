import { createHash, createPublicKey, sign } from 'node:crypto';
import type { BundleSigner } from '@mcpgw/core-policy';
import type { KeyFiles } from '@mcpgw/platform-runtime';

/** Signs with the PDP's key; its id is the start of the SHA-256 of the public half. */
export function bundleSigner(keyFiles: KeyFiles): BundleSigner {
  const key = keyFiles.signing('policy-signing');
  const publicKey = createPublicKey(key).export({ type: 'spki', format: 'der' });
  const keyId = createHash('sha256').update(publicKey).digest('hex').slice(0, 16);
  return { keyId, sign: (message) => sign(null, message, key) };
}
