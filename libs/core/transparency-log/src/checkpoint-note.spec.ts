import { generateKeyPairSync, sign } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { formatCheckpoint, formatVerifierKey, noteVerifier, openCheckpoint, parseVerifierKey, signNote, type NoteSigner } from './checkpoint-note.js';
import { leafHash } from './merkle.js';

function signer(name: string): NoteSigner {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  return { verifier: noteVerifier(name, publicKey.export({ type: 'spki', format: 'der' }).subarray(-32)), sign: (message) => sign(null, message, privateKey) };
}

const root = leafHash('root');
const text = formatCheckpoint('mcpgw/acme', 42, root);

describe('a checkpoint', () => {
  it('opens with the key that signed it and says origin, size and root', () => {
    const key = signer('mcpgw-audit');
    expect(openCheckpoint(signNote(text, [key]), [key.verifier])).toEqual({ ok: true, checkpoint: { origin: 'mcpgw/acme', size: 42, root } });
  });

  it('reads as C2SP tlog-checkpoint says', () => {
    const key = signer('mcpgw-audit');
    expect(signNote(text, [key])).toMatch(/^mcpgw\/acme\n42\n[A-Za-z0-9+/]{43}=\n\n— mcpgw-audit [A-Za-z0-9+/]{90,92}={0,2}\n$/u);
  });

  it('opens when a witness that nobody here knows has signed it too', () => {
    const key = signer('mcpgw-audit');
    expect(openCheckpoint(signNote(text, [signer('witness.example'), key]), [key.verifier]).ok).toBe(true);
  });

  it('does not open with another key, even one of the same name', () => {
    expect(openCheckpoint(signNote(text, [signer('mcpgw-audit')]), [signer('mcpgw-audit').verifier])).toEqual({ ok: false, reason: 'it has no signature of a trusted key' });
  });

  it('does not open after any one character of it was changed', () => {
    const key = signer('mcpgw-audit');
    const note = signNote(text, [key]);
    const passing = Array.from(note, (character, index) => note.slice(0, index) + (character === 'A' ? 'B' : 'A') + note.slice(index + 1)).filter((forged) => openCheckpoint(forged, [key.verifier]).ok);
    // The last base64 digit of a signature carries bits that are not part of it.
    expect(passing.filter((forged) => forged.slice(0, -3) !== note.slice(0, -3))).toEqual([]);
  });

  it.each([['', 'it is not a signed note'], ['a\n\nb\n', 'a signature line is malformed'], [`${'x'.repeat(70_000)}\n\n`, 'it is too long']])('that is garbage is refused with a reason', (note, reason) => {
    expect(openCheckpoint(note, [])).toEqual({ ok: false, reason });
  });
});

describe('a verifier key', () => {
  it('survives its text form', () => {
    const { verifier } = signer('mcpgw-audit');
    expect(parseVerifierKey(formatVerifierKey(verifier))).toEqual(verifier);
  });

  it('has the key id of the C2SP signed-note example key', () => {
    const vkey = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW';
    expect(formatVerifierKey(parseVerifierKey(vkey))).toBe(vkey);
    const note = `If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n`;
    expect(openCheckpoint(note, [parseVerifierKey(vkey)])).toEqual({ ok: false, reason: 'its text is no checkpoint' });
  });

  it.each([['nonsense'], ['name+00000000+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW'], ['name+00000000+AAAA']])('%s is refused', (text) => {
    expect(() => parseVerifierKey(text)).toThrow(TypeError);
  });
});
