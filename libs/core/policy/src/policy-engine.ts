import type { CompiledPolicy, Decision, DecisionRequest, PolicyAction, PolicyBundle } from '@mcpgw/contracts';
import { digestOf } from './bundle.js';
import { authorize, type CedarAnswer } from './cedar.js';
import { Lru } from './lru.js';
import { PreparsedSlices, type PreparsedLimits } from './preparsed-slices.js';
import { projectArguments, type Projection } from './project-arguments.js';
import * as reasons from './reasons.js';
import { SliceIndex, type Slice } from './slice-index.js';

const DEFAULT_LIMITS: PreparsedLimits = { slices: 512, policies: 20_000 };
const MAX_NAME_LENGTH = 8_192;
/** Answers kept for each organization, and the longest input that is worth keeping one for. */
const KEPT_ANSWERS = 4_096;
const MAX_KEPT_INPUT = 512;

interface Held {
  readonly digest: string;
  /** Digest of the policies alone. */
  readonly content: string;
  readonly index: SliceIndex;
  /** What constant slices decide, each asked of Cedar once. */
  readonly constant: WeakMap<Slice, CedarAnswer>;
  /** What Cedar answered for the other slices, by everything that their policies read: slice, attributes, arguments. */
  readonly answers: Lru<string, CedarAnswer>;
  /** Slices asked about so far, numbered for the keys of `answers`. */
  readonly slices: WeakMap<Slice, number>;
}

type Denial = { readonly ruleIds: readonly string[]; readonly reasons: reasons.Reasons };

/**
 * Decides by the bundles it was given: the policies that can apply are found by index, their arguments projected, and Cedar
 * asked about them alone. Deny by default; a deny rule wins; whatever can't be evaluated is denied. Synchronous, and for one
 * thread: Cedar's cache of parsed policies is not shared.
 */
export class PolicyEngine {
  private readonly held = new Map<string, Held>();
  private readonly preparsed: PreparsedSlices;
  private lastNumber = 0;

  constructor(limits: PreparsedLimits = DEFAULT_LIMITS) {
    this.preparsed = new PreparsedSlices(limits);
  }

  /**
   * Decides by `bundle` from now on. `digest` is what its decisions carry. A new revision with the same policies, as every new
   * key makes one, keeps what was parsed.
   */
  load(bundle: PolicyBundle, digest: string): void {
    const old = this.held.get(bundle.organization);
    const content = digestOf(JSON.stringify(bundle.policies));
    if (old?.content === content) return void this.held.set(bundle.organization, { ...old, digest });
    this.remove(bundle.organization);
    this.held.set(bundle.organization, { digest, content, index: new SliceIndex(bundle.policies), constant: new WeakMap(), answers: new Lru(KEPT_ANSWERS), slices: new WeakMap() });
  }

  /** The organization has no bundle any more: everything is denied. */
  remove(organization: string): void {
    const old = this.held.get(organization);
    if (!old) return;
    this.held.delete(organization);
    this.preparsed.drop((slice) => old.slices.has(slice));
  }

  organizations(): readonly string[] {
    return [...this.held.keys()];
  }

  digest(organization: string): string | undefined {
    return this.held.get(organization)?.digest;
  }

  /** Some permit could apply, with the right arguments and attributes, and no deny rule applies whatever the arguments. */
  mayEver(organization: string, roles: readonly string[], action: PolicyAction, server: string, target: string): boolean {
    return this.held.get(organization)?.index.sliceFor(roles, action, server, target).mayEver ?? false;
  }

  decide(request: DecisionRequest): Decision {
    const held = this.held.get(request.organization);
    if (!held) return deny('', { ruleIds: [], reasons: reasons.noBundle(request.organization) });
    const bad = malformedName(request);
    if (bad) return deny(held.digest, { ruleIds: [], reasons: reasons.malformed(bad) });
    const slice = held.index.sliceFor(request.roles, request.action, request.server, request.target);
    if (slice.policies.length === 0) return deny(held.digest, { ruleIds: [], reasons: reasons.notPermitted(request, []) });
    const projection = projectArguments(slice.plan, request.arguments, request.attributes);
    if (!projection.ok) return deny(held.digest, { ruleIds: projection.ruleId === '' ? [] : [projection.ruleId], reasons: reasons.notComparable(projection) });
    const answer = this.evaluate(held, slice, request, projection);
    if (answer === undefined || answer.erred.length > 0) return deny(held.digest, { ruleIds: [], reasons: reasons.notEvaluated(request, answer?.erred ?? []) });
    if (answer.allow) return { effect: 'permit', ruleIds: inOrder(slice, answer.policies).map((policy) => policy.id), bundleDigest: held.digest };
    return deny(held.digest, explain(slice, request, answer));
  }

  /**
   * Cedar's answer, or the one it gave before to the same question. Sound because the question is all that policies can read:
   * roles, action, server and target are in the slice, whose patterns they match; the rest is the projection. No policy reads
   * the time, the consumer's name or anything of a session; one that did would have to be part of the key.
   */
  private evaluate(held: Held, slice: Slice, request: DecisionRequest, projection: Extract<Projection, { ok: true }>): CedarAnswer | undefined {
    const known = held.constant.get(slice);
    if (known) return known;
    const number = this.numberOf(held, slice);
    const key = slice.constant ? undefined : `${number} ${JSON.stringify([projection.attributes, projection.arguments])}`;
    const before = key === undefined ? undefined : held.answers.get(key);
    if (before) return before;
    const slot = this.preparsed.slotOf(slice);
    if (slot === undefined) return undefined;
    const { consumer, action, server, target } = request;
    const answer = authorize(slot, { consumer, action, server, target, roles: slice.roles, attributes: projection.attributes, arguments: projection.arguments });
    if (answer === undefined) return undefined;
    if (key === undefined) held.constant.set(slice, answer);
    else if (key.length <= MAX_KEPT_INPUT) held.answers.set(key, answer);
    return answer;
  }

  private numberOf(held: Held, slice: Slice): number {
    let number = held.slices.get(slice);
    if (number === undefined) held.slices.set(slice, (number = this.lastNumber += 1));
    return number;
  }
}

function deny(bundleDigest: string, { ruleIds, reasons: { agent, operator } }: Denial): Decision {
  return { effect: 'deny', ruleIds: [...ruleIds], bundleDigest, agentReason: agent, operatorReason: operator };
}

function explain(slice: Slice, request: DecisionRequest, answer: CedarAnswer): Denial {
  const forbids = inOrder(slice, answer.policies);
  if (forbids.length > 0) return { ruleIds: forbids.map((policy) => policy.id), reasons: reasons.forbidden(request, forbids) };
  return { ruleIds: [], reasons: reasons.notPermitted(request, slice.policies.filter((policy) => policy.effect === 'permit')) };
}

/** Cedar names them in no particular order. */
function inOrder(slice: Slice, ids: readonly string[]): readonly CompiledPolicy[] {
  return slice.policies.filter((policy) => ids.includes(policy.id));
}

/** Half a UTF-16 pair makes Cedar's engine throw; neither names nor targets of honest servers have one. */
function malformedName(request: DecisionRequest): string | undefined {
  for (const what of ['consumer', 'server', 'target'] as const) {
    const name = request[what];
    if (name.length > MAX_NAME_LENGTH || !name.isWellFormed()) return what;
  }
  return undefined;
}
