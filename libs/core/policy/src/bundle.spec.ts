import { generateKeyPairSync, sign, verify } from 'node:crypto';
import { organizationConfig, roleConfig } from '@mcpgw/contracts';
import { canonicalJson, digestOf, makeBundle, openBundle, signBundle } from './bundle.js';

const keys = generateKeyPairSync('ed25519');
const signer = { keyId: 'k1', sign: (message: Uint8Array) => sign(null, message, keys.privateKey) };
const holds = (message: Uint8Array, signature: Uint8Array): boolean => verify(null, message, keys.publicKey, signature);
const view = {
  organization: organizationConfig.parse({ name: 'acme' }),
  revision: 7,
  roles: [roleConfig.parse({ organization: 'acme', name: 'support', rules: [{ allow: 'crm/get_*', when: { arguments: { id: 'ä"\\' } }, reason: 'why' }] })],
};
const made = makeBundle(view);
const signed = signBundle(made.bundle, signer);

describe('a bundle', () => {
  it('opens to what was signed', () => {
    expect(made.findings).toEqual([]);
    expect(openBundle(signed, holds)).toEqual({ bundle: made.bundle });
    expect(made.bundle).toMatchObject({ format: 1, organization: 'acme', revision: 7, policies: [{ id: 'support#1' }] });
  });

  it('is the same bytes from every PDP', () => {
    expect(signBundle(makeBundle(structuredClone(view)).bundle, signer)).toEqual(signed);
  });

  it('is signed as the contract says', () => {
    expect(verify(null, Buffer.from(`mcpgw-policy-bundle\n${signed.payload}`), keys.publicKey, Buffer.from(signed.signature, 'base64url'))).toBe(true);
    expect(signed.digest).toBe(digestOf(signed.payload));
  });

  const resigned = (payload: string) => ({ ...signed, payload, digest: digestOf(payload), signature: Buffer.from(signer.sign(Buffer.from(`mcpgw-policy-bundle\n${payload}`))).toString('base64url') });
  it.each([
    ['another payload', { ...signed, payload: signed.payload.replace('permit', 'forbid') }, 'signature'],
    ['another payload with its digest', { ...signed, payload: `${signed.payload} `, digest: digestOf(`${signed.payload} `) }, 'signature'],
    ['another signature', { ...signed, signature: signed.signature.replace(/^./, (first) => (first === 'A' ? 'B' : 'A')) }, 'signature'],
    ['no signature', { ...signed, signature: '' }, 'signature'],
    ['another digest', { ...signed, digest: digestOf('x') }, 'digest'],
    ['another organization', { ...signed, organization: view.roles[0]?.name as unknown as typeof signed.organization }, 'bundle of acme'],
    ['a later format', resigned(signed.payload.replace('"format":1', '"format":2')), 'format'],
    ['no JSON', resigned('nonsense'), 'format'],
  ])('is refused with %s', (_what, changed, problem) => {
    expect(openBundle(changed, holds)).toEqual({ problem: expect.stringContaining(problem) as string });
  });
});

describe('canonicalJson', () => {
  it('sorts members, keeps order in lists, drops what is absent', () => {
    expect(canonicalJson({ b: [2, { d: null, c: 'x"' }], a: undefined, A: true })).toBe('{"A":true,"b":[2,{"c":"x\\"","d":null}]}');
  });
});
