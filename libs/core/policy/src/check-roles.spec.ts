import { gatewayConfig, policyRule, type PolicyRule } from '@mcpgw/contracts';
import { checkRoles } from './check-roles.js';
import type { Finding } from './findings.js';

function check(roles: readonly { name: string; organization?: string; rules: readonly PolicyRule[] }[]): readonly Finding[] {
  const organizations = [{ name: 'acme' }, { name: 'globex' }];
  return checkRoles(gatewayConfig.parse({ organizations, roles: roles.map((role) => ({ organization: 'acme', ...role })) }));
}

const withCondition = (condition: unknown, path = 'x'): PolicyRule => policyRule.parse({ allow: 'crm/*', when: { arguments: { [path]: condition } } });

describe('checkRoles', () => {
  it('finds nothing in rules that compile', () => {
    expect(check([{ name: 'a', rules: [{ allow: '*/*' }, { deny: 'prompt:crm/x' }, withCondition({ in: [1, '${consumer.own}'], present: true })] }, { name: 'a', organization: 'globex', rules: [] }])).toEqual([]);
  });

  it('says the place in the configuration, also when organizations are mixed', () => {
    const findings = check([
      { name: 'a', organization: 'globex', rules: [{ allow: 'crm/*' }] },
      { name: 'b', rules: [{ allow: 'crm/*' }] },
      { name: 'c', organization: 'globex', rules: [{ allow: 'crm/*' }, withCondition('${user.id}', 'filter.owner')] },
    ]);
    expect(findings).toEqual([{ path: 'roles[2].rules[1].when.arguments.filter.owner', message: 'has "${user.id}": ${…} must be the whole value and read ${consumer.<attribute>}' }]);
  });

  it.each([
    ['an attribute inside a text', 'id-${consumer.own}', 'must be the whole value'],
    ['an attribute without a name', '${consumer.}', 'must be the whole value'],
    ['an unclosed attribute', { in: ['a', '${consumer.own'] }, 'must be the whole value'],
    ['a reserved attribute', '${consumer.__proto__}', 'reserved'],
    ['an attribute in like', { like: '${consumer.own}*' }, 'can not use ${…} in `like`'],
    ['text and number at once', { like: 'a*', lessThan: 5 }, 'no value is both'],
    ['two types of equality', { equals: 5, notEquals: 'a' }, 'no value is both'],
    ['an empty range', { greaterThan: 4, lessThan: 5 }, 'there is none'],
    ['an empty closed range', { atLeast: 5, atMost: 4 }, 'there is none'],
    ['a comparison of what must be absent', { present: false, equals: 1 }, 'absent argument and compares it too (equals)'],
    ['half a character', 'x\ud800', 'UTF-16'],
  ])('finds %s', (_what, condition, message) => {
    expect(check([{ name: 'a', rules: [withCondition(condition)] }])).toEqual([{ path: 'roles[0].rules[0].when.arguments.x', message: expect.stringContaining(message) as string }]);
  });

  it('finds argument names that Cedar would read as something else', () => {
    for (const path of ['__entity', '__extn', 'filter.__proto__']) {
      expect(check([{ name: 'a', rules: [withCondition(1, path)] }])).toEqual([{ path: `roles[0].rules[0].when.arguments.${path}`, message: expect.stringContaining('reserved') as string }]);
    }
  });

  it('finds a `when` without any condition, which would allow everything', () => {
    expect(check([{ name: 'a', rules: [{ allow: 'crm/*', when: { arguments: {} } }] }])[0]?.path).toBe('roles[0].rules[0].when.arguments');
  });

  it('never sees a rule that lost its condition on __proto__: the schema refuses it', () => {
    const rule: unknown = JSON.parse('{"allow":"crm/*","when":{"arguments":{"__proto__":1,"x":2}}}');
    expect(policyRule.safeParse(rule).success).toBe(false);
  });

  it('finds a role declared twice', () => {
    expect(check([{ name: 'a', rules: [] }, { name: 'b', rules: [] }, { name: 'a', rules: [] }])).toEqual([{ path: 'roles[2].name', message: 'the role a is declared twice in acme' }]);
  });

  it('finds more rules than an edge could hold', () => {
    const rules = Array.from({ length: 501 }, (_, index): PolicyRule => ({ allow: `crm/t${index}` }));
    const roles = Array.from({ length: 10 }, (_, index) => ({ name: `r${index}`, rules }));
    expect(check(roles)).toEqual([{ path: 'roles', message: 'acme has 5010 rules; at most 5000 are supported: use wildcards' }]);
  });

  it('finds rules too large for one message', () => {
    const big = Array.from({ length: 64 }, (_, index) => `${'x'.repeat(1_000)}${index}`);
    const rules = Array.from({ length: 50 }, (): PolicyRule => withCondition({ in: big }));
    expect(check([{ name: 'a', rules }])[0]?.message).toMatch(/compile to \d+ bytes; at most 2097152/);
  });

  it('finds too many arguments in one rule', () => {
    const when = { arguments: Object.fromEntries(Array.from({ length: 33 }, (_, index) => [`a${index}`, 1])) };
    expect(check([{ name: 'a', rules: [{ allow: 'crm/*', when }] }])[0]?.message).toBe('names 33 arguments; at most 32 are supported');
  });
});
