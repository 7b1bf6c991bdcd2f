import type { ArgumentCondition, AttributeValue, CompiledPolicy, DecisionRequest, PolicyRule, RoleConfig } from '@mcpgw/contracts';
import fc from 'fast-check';
import { authorize, preparse } from './cedar.js';
import { compileRoles } from './compile-roles.js';
import { PolicyEngine } from './policy-engine.js';
import { planProjection, projectArguments } from './project-arguments.js';
import { SliceIndex } from './slice-index.js';

/**
 * Random rules and requests, small enough to meet often, decided three ways: by the engine on its slice, by Cedar on all the
 * policies at once, and by a naive reading of the rules that knows nothing of Cedar.
 */
const hostile = ['"', '\\', 'a"b\\c', '") || true', '*', 'x*', '😀', '\n', 'constructor', 'a', 'ab', 'b'];
const role = fc.constantFrom('support', 'r"ole\\', 'constructor');
const server = fc.constantFrom('crm', 'crm2', 's"');
const target = fc.constantFrom('get_a', 'get_b', 'set', 'ge"t\\', '😀', '*');
const serverPattern = fc.oneof(server, fc.constantFrom('*', '*', 'crm*', 'c*2', '**'));
const targetPattern = fc.oneof(target, fc.constantFrom('*', '*', '*', 'get_*', '*_a', 'g*"*', '*e*t*'));
const path = fc.constantFrom('id', 'n', 'filter.owner', 'constructor', "we'ird*");
const attributeName = fc.constantFrom('own', 'level', 'flag', 'gone');
const text = fc.oneof(fc.constant('a'), fc.constantFrom(...hostile));
const scalar: fc.Arbitrary<AttributeValue> = fc.oneof(text, fc.integer({ min: -2, max: 3 }), fc.boolean());
const operand = fc.oneof({ weight: 3, arbitrary: scalar }, { weight: 1, arbitrary: attributeName.map((name) => `\${consumer.${name}}`) });

const condition: fc.Arbitrary<ArgumentCondition> = fc.oneof(
  operand,
  fc
    .record(
      { equals: operand, notEquals: operand, in: fc.array(operand, { minLength: 1, maxLength: 3 }), notIn: fc.array(operand, { minLength: 1, maxLength: 3 }), like: text, lessThan: fc.integer({ min: -2, max: 3 }), atMost: fc.integer({ min: -2, max: 3 }), greaterThan: fc.integer({ min: -2, max: 3 }), atLeast: fc.integer({ min: -2, max: 3 }), present: fc.boolean() },
      { requiredKeys: [] },
    )
    .filter((comparisons) => Object.keys(comparisons).length > 0),
);

const rule: fc.Arbitrary<PolicyRule> = fc
  .tuple(fc.constantFrom('allow', 'allow', 'deny'), fc.constantFrom('', '', '', 'prompt:'), serverPattern, targetPattern, fc.option(fc.dictionary(path, condition, { minKeys: 1, maxKeys: 2, noNullPrototype: true }), { nil: undefined, freq: 1 }))
  .map(([effect, kind, left, right, when]) => ({ [effect]: `${kind}${left}/${right}`, ...(when ? { when: { arguments: when } } : {}) }) as PolicyRule);

/** Only roles that compile: a rule with a finding never reaches an edge. */
const roles = fc
  .uniqueArray(fc.record({ name: role, rules: fc.array(rule, { minLength: 2, maxLength: 5 }) }), { selector: ({ name }) => name, minLength: 1, maxLength: 4 })
  .map((list) => list.map(({ name, rules }) => ({ organization: 'acme', name, rules: rules.filter((one) => compileRoles('acme', [{ organization: 'acme', name, rules: [one] } as unknown as RoleConfig]).findings.length === 0) })) as unknown as RoleConfig[]);

const value = fc.oneof({ weight: 20, arbitrary: scalar }, { weight: 1, arbitrary: fc.constantFrom<unknown>(1.5, null, [], {}, '\ud800', 1e30) });
const argumentsOf = fc.record({ id: value, n: value, constructor: value, "we'ird*": value, filter: fc.oneof({ weight: 5, arbitrary: fc.record({ owner: value }, { requiredKeys: [] }) }, { weight: 1, arbitrary: value }) }, { requiredKeys: [], noNullPrototype: true });
const request = fc.record({
  organization: fc.constant('acme'),
  consumer: text,
  roles: fc.array(role, { minLength: 1, maxLength: 3 }),
  attributes: fc.record({ own: scalar, level: scalar, flag: scalar }, { requiredKeys: [], noNullPrototype: true }),
  action: fc.constantFrom('tools/call', 'tools/call', 'prompts/get'),
  server,
  target,
  arguments: argumentsOf,
}) as unknown as fc.Arbitrary<DecisionRequest>;

describe('the engine', () => {
  it('decides on a slice as Cedar does on all policies and as the rules read', () => {
    const seen = { permit: 0, deny: 0 };
    fc.assert(
      fc.property(roles, fc.array(request, { minLength: 10, maxLength: 10 }), (config, requests) => {
        const { policies, findings } = compileRoles('acme', config);
        expect(findings).toEqual([]);
        const engine = new PolicyEngine();
        engine.load({ format: 1, organization: 'acme' as DecisionRequest['organization'], revision: 1, policies: [...policies] }, 'd');
        expect(preparse('full set', policies)).toBeUndefined();
        for (const one of requests) {
          const { effect } = engine.decide(one);
          seen[effect] += 1;
          expect(effect).toBe(readNaively(config, one));
          expect(effect).toBe(decideOnAll(policies, one));
          if (effect === 'permit') expect(engine.mayEver('acme', one.roles, one.action, one.server, one.target)).toBe(true);
        }
      }),
      { numRuns: 150 },
    );
    // Otherwise the property would hold of an engine that always answers the same.
    expect(Math.min(seen.permit, seen.deny)).toBeGreaterThan(100);
  });
});

/** Cedar on the whole bundle. What projection refuses is refused before Cedar either way. */
function decideOnAll(policies: readonly CompiledPolicy[], one: DecisionRequest): 'permit' | 'deny' {
  const slice = new SliceIndex(policies).sliceFor(one.roles, one.action, one.server, one.target);
  if (!projectArguments(slice.plan, one.arguments, one.attributes).ok) return 'deny';
  const args = policies.flatMap((policy) => policy.argumentPaths).flatMap((name) => {
    const whole = projectArguments(planProjection([{ ...bare, argumentPaths: [name], argumentTypes: [{ path: name, types: ['string', 'integer', 'boolean'], attributes: [] }] }]), one.arguments, {});
    if (whole.ok) return Object.entries(whole.arguments);
    const there = projectArguments(planProjection([{ ...bare, argumentPaths: [name] }]), one.arguments, {});
    return there.ok ? Object.entries(there.arguments) : [];
  });
  const answer = authorize('full set', { ...one, attributes: one.attributes, arguments: Object.fromEntries(args) });
  return answer?.allow && answer.erred.length === 0 ? 'permit' : 'deny';
}

const bare: CompiledPolicy = { id: 'x#1', effect: 'permit', role: 'x', action: 'tools/call', serverPattern: '*', targetPattern: '*', argumentPaths: [], argumentTypes: [], attributes: [], cedar: '' };

function readNaively(config: readonly RoleConfig[], one: DecisionRequest): 'permit' | 'deny' {
  const rules = config.filter((held) => one.roles.includes(held.name)).flatMap((held) => held.rules).filter((candidate) => matches(candidate, one));
  const conditions = rules.flatMap((candidate) => Object.entries(candidate.when?.arguments ?? {}));
  if (conditions.some(([name, asked]) => !comparable(asked, read(one.arguments, name), one.attributes, conditions.some(([other, also]) => other === name && compares(also))))) return 'deny';
  const holds = (candidate: PolicyRule): boolean => Object.entries(candidate.when?.arguments ?? {}).every(([name, asked]) => satisfied(asked, read(one.arguments, name), one.attributes, candidate.deny !== undefined));
  if (rules.some((candidate) => candidate.deny !== undefined && holds(candidate))) return 'deny';
  return rules.some((candidate) => candidate.allow !== undefined && holds(candidate)) ? 'permit' : 'deny';
}

function matches(candidate: PolicyRule, one: DecisionRequest): boolean {
  const whole = (candidate.allow ?? candidate.deny) as string;
  const kind = whole.startsWith('prompt:') ? 'prompts/get' : 'tools/call';
  const [left, ...right] = whole.replace(/^prompt:/, '').split('/');
  return kind === one.action && wild(left as string, one.server) && wild(right.join('/'), one.target);
}

function wild(glob: string, subject: string): boolean {
  return new RegExp(`^${glob.split('*').map((piece) => piece.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('[^]*')}$`, 'u').test(subject);
}

const ABSENT = Symbol('absent');
const BROKEN = Symbol('inside something that is no object');

function read(args: unknown, name: string): unknown {
  let at: unknown = args;
  for (const key of name.split('.')) {
    if (at === null || typeof at !== 'object' || Array.isArray(at)) return BROKEN;
    if (!Object.keys(at).includes(key)) return ABSENT;
    at = (at as Record<string, unknown>)[key];
  }
  return at;
}

function plain(subject: unknown): boolean {
  return typeof subject === 'boolean' || (typeof subject === 'number' && Number.isInteger(subject) && Math.abs(subject) < 2 ** 53) || (typeof subject === 'string' && !/[\ud800-\udfff](?![\udc00-\udfff])/.test(subject.replace(/[\ud800-\udbff][\udc00-\udfff]/g, '')));
}

function asObject(asked: ArgumentCondition): Exclude<ArgumentCondition, AttributeValue> {
  return typeof asked === 'object' ? asked : { equals: asked };
}

function compares(asked: ArgumentCondition): boolean {
  return Object.keys(asObject(asked)).some((name) => name !== 'present');
}

function resolve(one: AttributeValue, attributes: DecisionRequest['attributes']): AttributeValue | undefined {
  const name = typeof one === 'string' ? /^\$\{consumer\.(.*)\}$/.exec(one)?.[1] : undefined;
  if (name === undefined) return one;
  return Object.keys(attributes).includes(name) ? attributes[name] : undefined;
}

/** Whether this condition can be asked of the value at all; `valued`: some rule compares what is there. */
function comparable(asked: ArgumentCondition, subject: unknown, attributes: DecisionRequest['attributes'], valued: boolean): boolean {
  if (subject === ABSENT) return true;
  if (subject === BROKEN || subject === null) return false;
  if (valued && !plain(subject)) return false;
  const { equals, notEquals, in: any, notIn, like, lessThan, atMost, greaterThan, atLeast, present } = asObject(asked);
  if (present === false) return true;
  const sets = [equals === undefined ? [] : [equals], notEquals === undefined ? [] : [notEquals], any ?? [], notIn ?? []].map((set) => set.map((each) => resolve(each, attributes)).filter((each) => each !== undefined));
  if (sets.some((set) => set.length > 0 && !set.some((each) => typeof each === typeof subject))) return false;
  if (like !== undefined && typeof subject !== 'string') return false;
  return [lessThan, atMost, greaterThan, atLeast].every((bound) => bound === undefined || typeof subject === 'number');
}

function satisfied(asked: ArgumentCondition, subject: unknown, attributes: DecisionRequest['attributes'], isDeny: boolean): boolean {
  const { equals, notEquals, in: any, notIn, like, lessThan, atMost, greaterThan, atLeast, present } = asObject(asked);
  if (present === false) return subject === ABSENT;
  if (subject === ABSENT) return false;
  const same = (each: AttributeValue): boolean => (resolve(each, attributes) === undefined ? isDeny : resolve(each, attributes) === subject || (resolve(each, attributes) === 0 && subject === 0));
  const other = (each: AttributeValue): boolean => (resolve(each, attributes) === undefined ? isDeny : !same(each));
  const number = subject as number;
  return (
    (equals === undefined || same(equals)) &&
    (notEquals === undefined || other(notEquals)) &&
    (any === undefined || any.some(same)) &&
    (notIn === undefined || notIn.every(other)) &&
    (like === undefined || wild(like, subject as string)) &&
    (lessThan === undefined || number < lessThan) &&
    (atMost === undefined || number <= atMost) &&
    (greaterThan === undefined || number > greaterThan) &&
    (atLeast === undefined || number >= atLeast)
  );
}
