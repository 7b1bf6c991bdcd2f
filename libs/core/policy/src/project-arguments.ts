import type { CompiledPolicy } from '@mcpgw/contracts';

type ScalarType = CompiledPolicy['argumentTypes'][number]['types'][number];
export type Scalar = string | number | boolean;
export type Scalars = Readonly<Record<string, Scalar>>;

interface Expectation {
  readonly ruleId: string;
  readonly types: readonly ScalarType[];
  readonly attributes: readonly string[];
}

interface PlannedArgument {
  readonly path: string;
  readonly names: readonly string[];
  readonly ruleId: string;
  /** Empty: policies only ask whether it is there. */
  readonly expectations: readonly Expectation[];
}

/** What the policies of a slice read, worked out once for each slice. */
export interface ProjectionPlan {
  readonly arguments: readonly PlannedArgument[];
  readonly attributes: readonly string[];
}

export type Projection =
  | { readonly ok: true; readonly arguments: Scalars; readonly attributes: Scalars }
  /** `what` says the culprit, `must` what it has to be, `ruleId` the rule that reads it. */
  | { readonly ok: false; readonly kind: 'argument' | 'attribute'; readonly what: string; readonly must: string; readonly ruleId: string };

const MAX_STRING_BYTES = 8_192;
const ANY_SCALAR = 'a string of at most 8 KiB, an integer, or true or false';

export function planProjection(policies: readonly CompiledPolicy[]): ProjectionPlan {
  const planned = new Map<string, { ruleId: string; expectations: Expectation[] }>();
  for (const policy of policies) {
    for (const path of policy.argumentPaths) if (!planned.has(path)) planned.set(path, { ruleId: policy.id, expectations: [] });
    for (const { path, types, attributes } of policy.argumentTypes) planned.get(path)?.expectations.push({ ruleId: policy.id, types, attributes });
  }
  return {
    arguments: [...planned].map(([path, plan]) => ({ path, names: path.split('.'), ...plan })),
    attributes: [...new Set(policies.flatMap((policy) => policy.attributes))],
  };
}

/**
 * Copies by value what the slice reads, and nothing else: texts, safe integers and booleans, from own properties only. Anything
 * else at such a place fails the whole projection, because a rule that can't compare a value must not be passed by it.
 */
export function projectArguments(plan: ProjectionPlan, given: Readonly<Record<string, unknown>>, attributes: Readonly<Record<string, unknown>>): Projection {
  const projectedAttributes: [string, Scalar][] = [];
  for (const name of plan.attributes) {
    if (!Object.hasOwn(attributes, name)) continue;
    const value = scalarOf(attributes[name]);
    if (value === undefined) return { ok: false, kind: 'attribute', what: name, must: ANY_SCALAR, ruleId: '' };
    projectedAttributes.push([name, value]);
  }
  const held = Object.fromEntries(projectedAttributes);
  const projected: [string, Scalar][] = [];
  for (const argument of plan.arguments) {
    const outcome = projectOne(argument, given, held);
    if (outcome === undefined) continue;
    if (typeof outcome === 'object') return outcome;
    projected.push([argument.path, outcome]);
  }
  return { ok: true, arguments: Object.fromEntries(projected), attributes: held };
}

/** The scalar, `undefined` when absent, or the refusal. */
function projectOne(argument: PlannedArgument, given: Readonly<Record<string, unknown>>, attributes: Scalars): Scalar | undefined | Extract<Projection, { ok: false }> {
  const refuse = (what: string, must: string, ruleId = argument.ruleId) => ({ ok: false, kind: 'argument', what, must, ruleId }) as const;
  let value: unknown = given;
  for (const [depth, name] of argument.names.entries()) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return refuse(argument.names.slice(0, depth).join('.'), 'an object');
    if (!Object.hasOwn(value, name)) return undefined;
    value = (value as Readonly<Record<string, unknown>>)[name];
  }
  if (argument.expectations.length === 0) return value === null || value === undefined ? refuse(argument.path, 'left out or given a value') : true;
  const scalar = scalarOf(value);
  if (scalar === undefined) return refuse(argument.path, typeWords(argument.expectations.flatMap((expectation) => expectation.types)));
  for (const { types, attributes: compared, ruleId } of argument.expectations) {
    const accepted = [...types, ...compared.flatMap((name) => (Object.hasOwn(attributes, name) ? [typeOf(attributes[name] as Scalar)] : []))];
    if (accepted.length > 0 && !accepted.includes(typeOf(scalar))) return refuse(argument.path, typeWords(accepted), ruleId);
  }
  return scalar;
}

function scalarOf(value: unknown): Scalar | undefined {
  if (typeof value === 'boolean') return value;
  // Minus zero would reach Cedar as a float.
  if (typeof value === 'number') return Number.isSafeInteger(value) ? value + 0 : undefined;
  if (typeof value !== 'string' || value.length > MAX_STRING_BYTES || Buffer.byteLength(value) > MAX_STRING_BYTES) return undefined;
  return value.isWellFormed() ? value : undefined;
}

function typeOf(value: Scalar): ScalarType {
  if (typeof value === 'number') return 'integer';
  return typeof value === 'string' ? 'string' : 'boolean';
}

const TYPE_WORDS: Readonly<Record<ScalarType, string>> = { string: 'a string of at most 8 KiB', integer: 'an integer', boolean: 'true or false' };

function typeWords(types: readonly ScalarType[]): string {
  const words = [...new Set(types)].map((type) => TYPE_WORDS[type]);
  return words.length === 0 ? ANY_SCALAR : words.join(' or ');
}
