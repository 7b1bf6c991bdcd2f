import type { Decision, DecisionRequest, OrganizationName, OrganizationView, SignedBundle } from '@mcpgw/contracts';
import { makeBundle, PolicyEngine, signBundle, type BundleSigner, type Finding } from '@mcpgw/core-policy';

interface Tracked {
  readonly revision: number;
  /** Absent while no revision of its roles has compiled. */
  readonly signed?: SignedBundle;
  readonly rules: number;
}

export interface BundlesPage {
  readonly bundles: SignedBundle[];
  readonly removed: OrganizationName[];
  readonly more: boolean;
}

/** What became of a view: the new digest when the bundle is another one now, and what kept it from compiling. */
export interface Accepted {
  readonly digest?: string;
  readonly findings: readonly Finding[];
}

const PAGE_BYTES = 4 * 1_048_576;

/** The bundles in force, by organization. A view that doesn't compile changes nothing: the last good bundle stays. */
export class BundleStore {
  private readonly tracked = new Map<OrganizationName, Tracked>();
  private readonly engine = new PolicyEngine();

  constructor(private readonly signer: BundleSigner) {}

  accept(view: OrganizationView): Accepted {
    const organization = view.organization.name;
    const old = this.tracked.get(organization);
    const { bundle, findings } = makeBundle(view);
    if (findings.length > 0) {
      this.tracked.set(organization, { rules: 0, ...old, revision: view.revision });
      return { findings };
    }
    const signed = signBundle(bundle, this.signer);
    this.tracked.set(organization, { revision: view.revision, signed, rules: bundle.policies.length });
    this.engine.load(bundle, signed.digest);
    return signed.digest === old?.signed?.digest ? { findings } : { digest: signed.digest, findings };
  }

  remove(organization: OrganizationName): boolean {
    this.engine.remove(organization);
    return this.tracked.delete(organization);
  }

  /** Revision of each organization's view that was looked at last. */
  revisions(): Record<string, number> {
    return Object.fromEntries([...this.tracked].map(([organization, { revision }]) => [organization, revision]));
  }

  /** What somebody who holds the digests `known` lacks; at least one bundle, however large. */
  page(known: Readonly<Record<string, string>>): BundlesPage {
    const removed = Object.keys(known).filter((name) => !this.tracked.has(name as OrganizationName)) as OrganizationName[];
    const bundles: SignedBundle[] = [];
    let bytes = 0;
    for (const [organization, { signed }] of this.tracked) {
      if (!signed || (Object.hasOwn(known, organization) && known[organization] === signed.digest)) continue;
      // As it travels: a JSON text inside a JSON text.
      bytes += Buffer.byteLength(JSON.stringify(signed));
      if (bundles.length > 0 && bytes > PAGE_BYTES) return { bundles, removed, more: true };
      bundles.push(signed);
    }
    return { bundles, removed, more: false };
  }

  decide(request: DecisionRequest): Decision {
    return this.engine.decide(request);
  }

  totals(): { readonly organizations: number; readonly rules: number } {
    return { organizations: this.tracked.size, rules: [...this.tracked.values()].reduce((sum, { rules }) => sum + rules, 0) };
  }
}
