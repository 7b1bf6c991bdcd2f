import type { JwtIssuerConfig, KeyId, OrganizationName, OrganizationView } from '@mcpgw/contracts';
import { OrganizationCatalog } from './organization-catalog.js';

export interface TrustedIssuer {
  readonly config: JwtIssuerConfig;
  readonly organization: OrganizationCatalog;
}

export interface KeyRow {
  readonly id: KeyId;
  readonly hash: Buffer;
  readonly consumer: string;
  readonly expiresAtMs: number;
  readonly organization: OrganizationCatalog;
}

const HASH_BYTES = 32;

/** Everything the edge knows of all organizations, indexed. Changes come whole, organization by organization, in one turn. */
export class CatalogView {
  private readonly organizations = new Map<OrganizationName, OrganizationCatalog>();
  private readonly keys = new Map<KeyId, KeyRow>();
  private readonly byIssuer = new Map<string, TrustedIssuer[]>();
  /** Of all trusted issuers. */
  jwksUrls: ReadonlySet<string> = new Set();

  organization(name: OrganizationName): OrganizationCatalog | undefined {
    return this.organizations.get(name);
  }

  key(id: KeyId): KeyRow | undefined {
    return this.keys.get(id);
  }

  issuers(issuer: string): readonly TrustedIssuer[] {
    return this.byIssuer.get(issuer) ?? [];
  }

  all(): readonly OrganizationView[] {
    return [...this.organizations.values()].map((organization) => organization.view);
  }

  /** Organization -> revision, as the registry asks it. */
  revisions(): Record<string, number> {
    return Object.fromEntries([...this.organizations.values()].map(({ name, view }) => [name, view.revision]));
  }

  apply(changed: readonly OrganizationView[], removed: readonly OrganizationName[]): void {
    for (const name of removed) this.remove(name);
    for (const view of changed) {
      this.remove(view.organization.name);
      const organization = new OrganizationCatalog(view);
      this.organizations.set(organization.name, organization);
      this.index(organization);
    }
    this.jwksUrls = new Set([...this.byIssuer.values()].flat().map((trusted) => trusted.config.jwksUrl));
  }

  private index(organization: OrganizationCatalog): void {
    for (const { id, consumer, hash, expiresAt } of organization.view.keys) {
      const bytes = Buffer.from(hash, 'base64url');
      // A hash of another length can't be compared in constant time, and was made by nothing that we know.
      if (bytes.length !== HASH_BYTES) continue;
      this.keys.set(id, { id, consumer, hash: bytes, expiresAtMs: expiresAt === null ? Number.POSITIVE_INFINITY : Date.parse(expiresAt), organization });
    }
    for (const config of organization.issuers) this.byIssuer.set(config.issuer, [...this.issuers(config.issuer), { config, organization }]);
  }

  private remove(name: OrganizationName): void {
    const organization = this.organizations.get(name);
    if (!organization) return;
    this.organizations.delete(name);
    for (const { id } of organization.view.keys) if (this.keys.get(id)?.organization === organization) this.keys.delete(id);
    for (const { issuer } of organization.issuers) {
      const left = this.issuers(issuer).filter((trusted) => trusted.organization !== organization);
      if (left.length > 0) this.byIssuer.set(issuer, left);
      else this.byIssuer.delete(issuer);
    }
  }
}
