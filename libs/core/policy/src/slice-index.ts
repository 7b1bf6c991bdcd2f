import type { CompiledPolicy, PolicyAction } from '@mcpgw/contracts';
import { globMatcher } from './glob.js';
import { Lru } from './lru.js';
import { planProjection, type ProjectionPlan } from './project-arguments.js';

/** The policies that can apply to one (roles, action, server, target). The same set is the same object while it is remembered. */
export interface Slice {
  readonly policies: readonly CompiledPolicy[];
  /** Roles that its policies speak of. */
  readonly roles: readonly string[];
  readonly plan: ProjectionPlan;
  /** Nothing that a request brings can change its decision. */
  readonly constant: boolean;
  readonly mayEver: boolean;
}

interface Indexed {
  readonly position: number;
  readonly policy: CompiledPolicy;
  readonly matchesTarget: (target: string) => boolean;
}

interface RoleIndex {
  readonly byServer: Map<string, Indexed[]>;
  readonly byPattern: Map<string, { readonly matches: (server: string) => boolean; readonly entries: Indexed[] }>;
}

/** A question and its answer. */
interface Lookup {
  readonly roles: readonly string[];
  readonly action: PolicyAction;
  readonly server: string;
  readonly target: string;
  readonly slice: Slice;
}

const REMEMBERED_LOOKUPS = 4_096;
const REMEMBERED_SLICES = 1_024;
/** Longer keys (resource URIs, odd role lists) are looked up each time, so that a caller can't fill the memory with them. */
const MAX_KEY_LENGTH = 512;

/**
 * Index of one bundle's policies by action, role and server; the target is matched last. A policy left out of a slice could
 * not have applied: its role isn't held, or its action, server or target differs, which its Cedar text says again.
 */
export class SliceIndex {
  private readonly roles = new Map<string, RoleIndex>();
  private readonly lookups = new Lru<string, Slice>(REMEMBERED_LOOKUPS);
  private readonly slices = new Lru<string, Slice>(REMEMBERED_SLICES);
  /** A call asks twice: whether it may ever be, then whether it may be now. Comparing is cheaper than making a key. */
  private latest: Lookup | undefined;

  constructor(policies: readonly CompiledPolicy[]) {
    policies.forEach((policy, position) => this.add({ position, policy, matchesTarget: globMatcher(policy.targetPattern) }));
  }

  sliceFor(roles: readonly string[], action: PolicyAction, server: string, target: string): Slice {
    const { latest } = this;
    if (latest?.target === target && latest.server === server && latest.action === action && isSame(latest.roles, roles)) return latest.slice;
    const slice = this.lookUp(roles, action, server, target);
    this.latest = { roles: [...roles], action, server, target, slice };
    return slice;
  }

  private lookUp(roles: readonly string[], action: PolicyAction, server: string, target: string): Slice {
    const key = JSON.stringify([action, server, target, ...roles]);
    const known = this.lookups.get(key);
    if (known) return known;
    const slice = this.intern(this.find(roles, action, server, target));
    if (key.length <= MAX_KEY_LENGTH) this.lookups.set(key, slice);
    return slice;
  }

  private add(entry: Indexed): void {
    const { action, role, serverPattern } = entry.policy;
    const index = getOrMake(this.roles, `${action} ${role}`, (): RoleIndex => ({ byServer: new Map(), byPattern: new Map() }));
    if (!serverPattern.includes('*')) getOrMake(index.byServer, serverPattern, () => []).push(entry);
    else getOrMake(index.byPattern, serverPattern, () => ({ matches: globMatcher(serverPattern), entries: [] })).entries.push(entry);
  }

  private find(roles: readonly string[], action: PolicyAction, server: string, target: string): readonly Indexed[] {
    const found: Indexed[] = [];
    for (const role of new Set(roles)) {
      const index = this.roles.get(`${action} ${role}`);
      if (!index) continue;
      const groups = [index.byServer.get(server) ?? [], ...[...index.byPattern.values()].filter((group) => group.matches(server)).map((group) => group.entries)];
      for (const group of groups) for (const entry of group) if (entry.matchesTarget(target)) found.push(entry);
    }
    return found.sort((left, right) => left.position - right.position);
  }

  private intern(entries: readonly Indexed[]): Slice {
    const key = entries.map((entry) => entry.position).join(',');
    const known = this.slices.get(key);
    if (known) return known;
    const slice = toSlice(entries.map((entry) => entry.policy));
    this.slices.set(key, slice);
    return slice;
  }
}

function isSame(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((role, index) => role === other[index]);
}

function toSlice(policies: readonly CompiledPolicy[]): Slice {
  return {
    policies,
    roles: [...new Set(policies.map((policy) => policy.role))],
    plan: planProjection(policies),
    constant: policies.every((policy) => policy.argumentPaths.length === 0 && policy.attributes.length === 0),
    mayEver: policies.some((policy) => policy.effect === 'permit') && !policies.some((policy) => policy.effect === 'forbid' && policy.argumentPaths.length === 0),
  };
}

function getOrMake<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
