import { createHash, verify, type KeyObject } from 'node:crypto';
import type { PolicyBundle, SignedBundle } from '@mcpgw/contracts';
import { openBundle } from '@mcpgw/core-policy';
import type { KeyFiles } from '@mcpgw/platform-runtime';

/** Opens bundles that the PDP of this installation signed, and no others. */
export class BundleVerifier {
  private key: KeyObject | undefined;

  constructor(private readonly keyFiles: KeyFiles) {}

  /** The bundle, or what is wrong with it. The key file is read again when a signature doesn't hold: it may have been replaced. */
  open(signed: SignedBundle): { readonly bundle: PolicyBundle } | { readonly problem: string } {
    if (this.key) {
      const opened = openWith(this.key, signed);
      if ('bundle' in opened) return opened;
    }
    try {
      this.key = this.keyFiles.verifying('policy-signing');
    } catch (error) {
      return { problem: `the key file policy-signing.pub can't be read (${error instanceof Error ? error.message : String(error)})` };
    }
    const opened = openWith(this.key, signed);
    return 'bundle' in opened ? opened : { problem: `${opened.problem} (this edge trusts key ${keyIdOf(this.key)})` };
  }
}

function openWith(key: KeyObject, signed: SignedBundle): ReturnType<typeof openBundle> {
  return openBundle(signed, (message, signature) => verify(null, message, key, signature));
}

function keyIdOf(key: KeyObject): string {
  return createHash('sha256').update(key.export({ type: 'spki', format: 'der' })).digest('hex').slice(0, 16);
}
