import { createRemoteJWKSet, customFetch, decodeJwt, jwtVerify, type JWTPayload, type JWTVerifyGetKey } from 'jose';
import type { AttributeValue, JwtIssuerConfig } from '@mcpgw/contracts';
import type { CatalogView, TrustedIssuer } from '../catalog/catalog-view.js';
import type { Principal } from './principal.js';

/** Asymmetric signatures only: with HS*, whoever can read a published key could sign. */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'];
const MAX_ROLES = 256;
const MAX_TOKEN_CHARACTERS = 16_384;
const MAX_JWKS_BYTES = 1_048_576;
const JWKS_TIMEOUT_MS = 3_000;
const JWKS_COOLDOWN_MS = 30_000;
const JWKS_MAX_AGE_MS = 600_000;
const CLOCK_TOLERANCE_SECONDS = 5;
/** A name that goes into decisions and entries: printable, no spaces at the ends, of bounded length. */
const SUBJECT = /^[^\p{C}\s](?:[^\p{C}]{0,254}[^\p{C}\s])?$/u;

/** Verifies JWT bearer tokens (RFC 7519, RFC 9068) against the issuers that the organizations trust. */
export class JwtAuthenticator {
  private readonly keySets = new Map<string, JWTVerifyGetKey>();

  /** `undefined` for whatever is not a valid token of exactly one organization; the reason is nobody's business but the operator's. */
  async authenticate(token: string, catalog: CatalogView, nowMs: number): Promise<{ principal: Principal } | { problem: string }> {
    const issuer = token.length <= MAX_TOKEN_CHARACTERS ? pickIssuer(token, catalog) : undefined;
    if (!issuer) return { problem: 'no organization trusts the issuer and audience of this token' };
    this.forget(catalog);
    let claims: JWTPayload;
    try {
      const verified = await jwtVerify(token, this.keySet(issuer.config), {
        algorithms: ALGORITHMS,
        issuer: issuer.config.issuer,
        audience: issuer.config.audience,
        requiredClaims: ['exp'],
        clockTolerance: CLOCK_TOLERANCE_SECONDS,
        currentDate: new Date(nowMs),
      });
      claims = verified.payload;
    } catch (error) {
      return { problem: error instanceof Error ? error.message : 'the token is invalid' };
    }
    const principal = principalOf(claims, issuer);
    if (!principal) return { problem: 'the token names no consumer, or a disabled one' };
    // Dropping some would drop prohibitions too, and an entry must hold them all.
    return principal.roles.length <= MAX_ROLES ? { principal } : { problem: `the token gives more than ${MAX_ROLES} roles` };
  }

  private keySet(config: JwtIssuerConfig): JWTVerifyGetKey {
    const known = this.keySets.get(config.jwksUrl);
    if (known) return known;
    const made = createRemoteJWKSet(new URL(config.jwksUrl), { timeoutDuration: JWKS_TIMEOUT_MS, cooldownDuration: JWKS_COOLDOWN_MS, cacheMaxAge: JWKS_MAX_AGE_MS, [customFetch]: boundedFetch });
    this.keySets.set(config.jwksUrl, made);
    return made;
  }

  /** Key sets of issuers that nobody trusts any more go: the map holds no more than the snapshot names. */
  private forget(catalog: CatalogView): void {
    if (this.keySets.size <= catalog.jwksUrls.size) return;
    for (const url of this.keySets.keys()) if (!catalog.jwksUrls.has(url)) this.keySets.delete(url);
  }
}

/** By the unverified `iss`; when organizations share an issuer, by the audience; when that fits several too, nobody. */
function pickIssuer(token: string, catalog: CatalogView): TrustedIssuer | undefined {
  let claims: JWTPayload;
  try {
    claims = decodeJwt(token);
  } catch {
    return undefined;
  }
  if (typeof claims.iss !== 'string') return undefined;
  const audiences = typeof claims.aud === 'string' ? [claims.aud] : Array.isArray(claims.aud) ? claims.aud : [];
  const candidates = catalog.issuers(claims.iss).filter((candidate) => audiences.includes(candidate.config.audience));
  return candidates.length === 1 ? candidates[0] : undefined;
}

function principalOf(claims: JWTPayload, { config, organization }: TrustedIssuer): Principal | undefined {
  const consumer = [claims[config.consumerClaim], claims['azp'], claims.sub].find((claim) => typeof claim === 'string' && SUBJECT.test(claim)) as string | undefined;
  if (consumer === undefined) return undefined;
  const registered = organization.consumers.get(consumer);
  if (registered?.disabled) return undefined;
  const user = typeof claims.sub === 'string' && SUBJECT.test(claims.sub) ? claims.sub : undefined;
  return {
    organization: organization.name,
    consumer,
    ...(user === undefined ? {} : { user }),
    roles: organization.knownRoles([...rolesOf(claims[config.rolesClaim]), ...(registered?.roles ?? [])]),
    // What the operator wrote down about a consumer stands above what its tokens say.
    attributes: { ...attributesOf(claims, config), ...registered?.attributes },
  };
}

/** A list of names, or one text with spaces between (as `scope` has). */
function rolesOf(claim: unknown): readonly string[] {
  if (typeof claim === 'string') return claim.split(' ');
  return Array.isArray(claim) ? claim.filter((role) => typeof role === 'string') : [];
}

function attributesOf(claims: JWTPayload, config: JwtIssuerConfig): Record<string, AttributeValue> {
  const attributes: Record<string, AttributeValue> = {};
  for (const [name, claim] of Object.entries(config.attributes)) {
    const value = claims[claim];
    if (typeof value === 'boolean' || Number.isSafeInteger(value) || (typeof value === 'string' && value.length <= 1_024)) attributes[name] = value as AttributeValue;
  }
  return attributes;
}

/** Follows no redirect and reads no more than a key set can need. jose itself adds the deadline. */
async function boundedFetch(url: string, options: RequestInit): Promise<Response> {
  const response = await fetch(url, { ...options, redirect: 'error' });
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of response.body ?? []) {
    size += part.length;
    if (size > MAX_JWKS_BYTES) throw new Error(`The key set at ${url} is larger than ${MAX_JWKS_BYTES} bytes.`);
    parts.push(part);
  }
  return new Response(Buffer.concat(parts), { status: response.status, headers: response.headers });
}
