import { createHash } from 'node:crypto';
import { policyBundle, type OrganizationView, type PolicyBundle, type SignedBundle } from '@mcpgw/contracts';
import { compileRoles } from './compile-roles.js';
import type { Finding } from './findings.js';

const SIGNED_PREFIX = 'mcpgw-policy-bundle\n';

export interface BundleSigner {
  readonly keyId: string;
  /** Ed25519. */
  sign(message: Uint8Array): Uint8Array;
}

export interface MadeBundle {
  readonly bundle: PolicyBundle;
  /** Any: the bundle must not be used. */
  readonly findings: readonly Finding[];
}

export function makeBundle(view: Pick<OrganizationView, 'organization' | 'revision' | 'roles'>): MadeBundle {
  const organization = view.organization.name;
  const { policies, findings } = compileRoles(organization, view.roles);
  return { bundle: { format: 1, organization, revision: view.revision, policies: [...policies] }, findings };
}

/** The same view and key make the same bytes, whoever signs. */
export function signBundle(bundle: PolicyBundle, signer: BundleSigner): SignedBundle {
  const payload = canonicalJson(bundle);
  const signature = signer.sign(signedMessage(payload));
  return { organization: bundle.organization, digest: digestOf(payload), payload, signature: Buffer.from(signature).toString('base64url'), keyId: signer.keyId };
}

/** The bundle inside, or what is wrong with it. Nothing of the payload is read before its signature holds. */
export function openBundle(signed: SignedBundle, verify: (message: Uint8Array, signature: Uint8Array) => boolean): { readonly bundle: PolicyBundle } | { readonly problem: string } {
  if (!verify(signedMessage(signed.payload), Buffer.from(signed.signature, 'base64url'))) return { problem: `its signature by key ${signed.keyId} doesn't hold` };
  if (digestOf(signed.payload) !== signed.digest) return { problem: 'its digest is not that of its payload' };
  const parsed = policyBundle.safeParse(parseJson(signed.payload));
  if (!parsed.success) return { problem: 'its payload is no bundle of a format known here' };
  if (parsed.data.organization !== signed.organization) return { problem: `its payload is the bundle of ${parsed.data.organization}` };
  return { bundle: parsed.data };
}

/** Lower-case hex SHA-256 of the text as UTF-8. */
export function digestOf(payload: string): string {
  return createHash('sha256').update(payload, 'utf8').digest('hex');
}

/** JSON without white space, members sorted by code units, absent members left out. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  members.sort(([left], [right]) => (left < right ? -1 : 1));
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonicalJson(member)}`).join(',')}}`;
}

function signedMessage(payload: string): Uint8Array {
  return Buffer.from(SIGNED_PREFIX + payload, 'utf8');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
