import { CONFIG_KINDS, type ApplyResult, type ConfigKind, type GatewayConfig, type OrganizationName } from '@mcpgw/contracts';
import { canonicalJson } from './canonical-json.js';

/** All that is declared, of one or more organizations; `organizations` may be empty. */
export type Declared = GatewayConfig;
export type DeclaredOf<Kind extends ConfigKind> = Declared[Kind][number];

export type Change = { readonly [Kind in ConfigKind]: ChangeOf<Kind> }[ConfigKind];
export interface ChangeOf<Kind extends ConfigKind> {
  readonly kind: Kind;
  readonly organization: OrganizationName;
  readonly name: string;
  /** Absent when created. */
  readonly before?: DeclaredOf<Kind>;
  /** Absent when deleted. */
  readonly after?: DeclaredOf<Kind>;
}

export interface Plan {
  readonly changes: readonly Change[];
  readonly unchanged: number;
}

export const EMPTY: Declared = { organizations: [], servers: [], routes: [], roles: [], consumers: [], limits: [] };

/** What has to happen so that `current` becomes `desired`: objects are compared one by one, by value. */
export function planChanges(current: Declared, desired: Declared): Plan {
  const changes: Change[] = [];
  let unchanged = 0;
  for (const kind of CONFIG_KINDS) {
    const compared = compareKind(kind, current, desired);
    changes.push(...compared.changes);
    unchanged += compared.unchanged;
  }
  return { changes, unchanged };
}

function compareKind(kind: ConfigKind, current: Declared, desired: Declared): Plan {
  const left = new Map(current[kind].map((object) => [referenceTo(kind, object), object]));
  const changes: Change[] = [];
  let unchanged = 0;
  for (const after of desired[kind]) {
    const reference = referenceTo(kind, after);
    const before = left.get(reference);
    left.delete(reference);
    if (before !== undefined && canonicalJson(before) === canonicalJson(after)) unchanged += 1;
    else changes.push({ kind, organization: organizationOf(after), name: after.name, before, after } as Change);
  }
  for (const before of left.values()) changes.push({ kind, organization: organizationOf(before), name: before.name, before } as Change);
  return { changes, unchanged };
}

export function resultOf(plan: Plan): ApplyResult {
  const references = (wanted: (change: Change) => boolean): string[] => plan.changes.filter(wanted).map((change) => reference(change.kind, change.organization, change.name));
  return {
    created: references((change) => change.before === undefined),
    updated: references((change) => change.before !== undefined && change.after !== undefined),
    deleted: references((change) => change.after === undefined),
    unchanged: plan.unchanged,
  };
}

type AnyDeclared = DeclaredOf<ConfigKind>;

export function organizationOf(object: AnyDeclared): OrganizationName {
  return 'organization' in object ? object.organization : object.name;
}

/** As the contract's `objectReference`. */
export function reference(kind: ConfigKind, organization: string, name: string): string {
  return kind === 'organizations' ? `organizations/${name}` : `${kind}/${organization}/${name}`;
}

export function referenceTo(kind: ConfigKind, object: AnyDeclared): string {
  return reference(kind, organizationOf(object), object.name);
}
