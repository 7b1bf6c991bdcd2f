import { roleConfig, type Decision, type DecisionRequest, type OrganizationName, type PolicyRule } from '@mcpgw/contracts';
import { compileRoles } from './compile-roles.js';
import { PolicyEngine } from './policy-engine.js';

const acme = 'acme' as OrganizationName;

function engineWith(roles: Readonly<Record<string, readonly PolicyRule[]>>, engine = new PolicyEngine()): PolicyEngine {
  const parsed = Object.entries(roles).map(([name, rules]) => roleConfig.parse({ organization: acme, name, rules }));
  const { policies, findings } = compileRoles(acme, parsed);
  expect(findings).toEqual([]);
  engine.load({ format: 1, organization: acme, revision: 1, policies: [...policies] }, 'digest-1');
  return engine;
}

function request(changes: Partial<DecisionRequest> = {}): DecisionRequest {
  return { organization: acme, consumer: 'bot', roles: ['support'], attributes: {}, action: 'tools/call', server: 'crm', target: 'get_customer', arguments: {}, ...changes };
}

const own = '${consumer.customer_id}';

describe('methods of extensions', () => {
  const skills = request({ action: 'extensions/call', target: 'skills/get' });

  it('are not allowed by what is said of tools, prompts and resources', () => {
    const engine = engineWith({ support: [{ allow: '*/*' }, { allow: 'prompt:*/*' }, { allow: 'resource:*/*' }] });
    expect(engine.mayEver(acme, ['support'], 'extensions/call', 'crm', 'skills/get')).toBe(false);
    expect(engine.decide(skills)).toMatchObject({ effect: 'deny', agentReason: expect.stringContaining('the method skills/get of crm') });
  });

  it('are allowed and denied by their names, servers and arguments', () => {
    const engine = engineWith({ support: [{ allow: 'method:crm/skills/*' }, { deny: 'method:*/skills/get', when: { arguments: { uri: { like: 'skill://internal/*' } } } }] });
    expect(engine.decide({ ...skills, arguments: { uri: 'skill://refunds/SKILL.md' } }).effect).toBe('permit');
    expect(engine.decide({ ...skills, arguments: { uri: 'skill://internal/x' } })).toMatchObject({ effect: 'deny', ruleIds: ['support#2'] });
    expect(engine.decide({ ...skills, server: 'files' }).effect).toBe('deny');
    expect(engine.decide({ ...skills, action: 'tools/call' }).effect).toBe('deny');
  });
});

describe('golden decisions: one rule, one argument', () => {
  const absent = Symbol('absent');
  type Row = readonly [condition: NonNullable<PolicyRule['when']>['arguments'][string], value: unknown, allow: 'permit' | 'deny', deny: 'permit' | 'deny'];
  // What an allow with this condition decides, and what a deny with it beside an allow of everything decides.
  const rows: readonly Row[] = [
    ['C1', 'C1', 'permit', 'deny'],
    ['C1', 'C2', 'deny', 'permit'],
    ['C1', 'c1', 'deny', 'permit'],
    ['C1', absent, 'deny', 'permit'],
    [5, 5, 'permit', 'deny'],
    [5, -5, 'deny', 'permit'],
    [true, true, 'permit', 'deny'],
    [true, false, 'deny', 'permit'],
    [{ notEquals: 'C1' }, 'C2', 'permit', 'deny'],
    [{ notEquals: 'C1' }, 'C1', 'deny', 'permit'],
    [{ notEquals: 'C1' }, absent, 'deny', 'permit'],
    [{ in: ['a', 'b', 3] }, 'b', 'permit', 'deny'],
    [{ in: ['a', 'b', 3] }, 3, 'permit', 'deny'],
    [{ in: ['a', 'b', 3] }, 'c', 'deny', 'permit'],
    [{ in: ['a'] }, absent, 'deny', 'permit'],
    [{ notIn: ['a', 'b'] }, 'c', 'permit', 'deny'],
    [{ notIn: ['a', 'b'] }, 'a', 'deny', 'permit'],
    [{ notIn: ['a', 'b'] }, absent, 'deny', 'permit'],
    [{ like: '*@acme.com' }, 'x@acme.com', 'permit', 'deny'],
    [{ like: '*@acme.com' }, 'x@acme.com.evil', 'deny', 'permit'],
    [{ like: '*@acme.com' }, absent, 'deny', 'permit'],
    [{ lessThan: 10 }, 9, 'permit', 'deny'],
    [{ lessThan: 10 }, 10, 'deny', 'permit'],
    [{ atMost: 10 }, 10, 'permit', 'deny'],
    [{ atMost: 10 }, 11, 'deny', 'permit'],
    [{ greaterThan: -10 }, -9, 'permit', 'deny'],
    [{ greaterThan: -10 }, -10, 'deny', 'permit'],
    [{ atLeast: 0 }, 0, 'permit', 'deny'],
    [{ atLeast: 0 }, -0, 'permit', 'deny'],
    [{ atLeast: 0 }, -1, 'deny', 'permit'],
    [{ atLeast: 0 }, absent, 'deny', 'permit'],
    [{ atMost: 9_007_199_254_740_991 }, 9_007_199_254_740_991, 'permit', 'deny'],
    [{ atLeast: 1, atMost: 5 }, 3, 'permit', 'deny'],
    [{ atLeast: 1, atMost: 5 }, 6, 'deny', 'permit'],
    [{ present: true }, 'x', 'permit', 'deny'],
    [{ present: true }, { any: ['thing', 1.5] }, 'permit', 'deny'],
    [{ present: true }, absent, 'deny', 'permit'],
    [{ present: false }, absent, 'permit', 'deny'],
    [{ present: false }, 'x', 'deny', 'permit'],
    [{ present: false }, [1], 'deny', 'permit'],
    // The attribute customer_id of the consumer is "C1"; it has no attribute named missing.
    [own, 'C1', 'permit', 'deny'],
    [own, 'C2', 'deny', 'permit'],
    [own, absent, 'deny', 'permit'],
    [{ notEquals: own }, 'C2', 'permit', 'deny'],
    [{ notEquals: own }, 'C1', 'deny', 'permit'],
    [{ in: ['public', own] }, 'C1', 'permit', 'deny'],
    [{ in: ['public', own] }, 'public', 'permit', 'deny'],
    [{ notIn: ['public', own] }, 'C1', 'deny', 'permit'],
    [{ notIn: ['public', own] }, 'C9', 'permit', 'deny'],
    ['${consumer.missing}', 'C1', 'deny', 'deny'],
    [{ notEquals: '${consumer.missing}' }, 'C1', 'deny', 'deny'],
    // What a rule can't compare denies the whole call, whichever way the rule points.
    ['C1', 5, 'deny', 'deny'],
    [5, '5', 'deny', 'deny'],
    [true, 'true', 'deny', 'deny'],
    [{ notEquals: 5 }, '5', 'deny', 'deny'],
    [{ notIn: ['a'] }, 1, 'deny', 'deny'],
    [{ lessThan: 10 }, '9', 'deny', 'deny'],
    [{ lessThan: 10 }, 9.5, 'deny', 'deny'],
    [{ lessThan: 10 }, 1e30, 'deny', 'deny'],
    [{ like: '*' }, 5, 'deny', 'deny'],
    [{ notEquals: own }, 7, 'deny', 'deny'],
    ['C1', null, 'deny', 'deny'],
    ['C1', ['C1'], 'deny', 'deny'],
    ['C1', { customer_id: 'C1' }, 'deny', 'deny'],
    ['C1', 'C1\ud800', 'deny', 'deny'],
    [{ like: 'a*' }, 'a'.repeat(8_193), 'deny', 'deny'],
    [{ like: 'a*' }, 'a'.repeat(8_192), 'permit', 'deny'],
    [{ present: false }, null, 'deny', 'deny'],
  ];

  it.each(rows)('%j with %j: an allow decides %s, a deny %s', (condition, value, allow, deny) => {
    const call = request({ attributes: { customer_id: 'C1' }, arguments: value === absent ? {} : { customer_id: value } });
    const when = { arguments: { customer_id: condition } };
    expect(engineWith({ support: [{ allow: 'crm/get_*', when }] }).decide(call).effect).toBe(allow);
    expect(engineWith({ support: [{ allow: '*/*' }, { deny: 'crm/get_*', when }] }).decide(call).effect).toBe(deny);
  });
});

describe('golden decisions: scope', () => {
  const roles = {
    support: [{ allow: 'crm/get_*' }, { deny: 'crm/get_secret*', reason: 'Secrets are for admins.' }, { allow: 'prompt:crm/*' }, { allow: 'resource:files/file:///public/*' }],
    admin: [{ allow: '*/*' }, { deny: 'crm/delete_*', when: { arguments: { confirm: { notEquals: true } } } }],
    empty: [],
  } satisfies Record<string, readonly PolicyRule[]>;

  it.each([
    ['a matching tool', {}, 'permit', ['support#1']],
    ['another tool', { target: 'delete_customer' }, 'deny', []],
    ['another server', { server: 'billing' }, 'deny', []],
    ['a deny beside the allow', { target: 'get_secrets' }, 'deny', ['support#2']],
    ['a deny of one role beside the allow of another', { roles: ['support', 'admin'], target: 'get_secrets' }, 'deny', ['support#2']],
    ['two allows', { roles: ['support', 'admin'] }, 'permit', ['support#1', 'admin#1']],
    ['no role', { roles: [] }, 'deny', []],
    ['a role without rules', { roles: ['empty'] }, 'deny', []],
    ['a role that is not declared', { roles: ['boss'] }, 'deny', []],
    ['a role with half a character', { roles: ['support\ud800'] }, 'deny', []],
    ['a prompt', { action: 'prompts/get', target: 'welcome' }, 'permit', ['support#3']],
    ['a tool rule does not open a prompt', { roles: ['admin'], action: 'prompts/get' }, 'deny', []],
    ['a resource', { action: 'resources/read', server: 'files', target: 'file:///public/a.txt' }, 'permit', ['support#4']],
    ['a resource outside', { action: 'resources/read', server: 'files', target: 'file:///private/a.txt' }, 'deny', []],
    ['a deny whose condition holds', { roles: ['admin'], target: 'delete_customer', arguments: { confirm: false } }, 'deny', ['admin#2']],
    ['a deny whose condition does not hold', { roles: ['admin'], target: 'delete_customer', arguments: { confirm: true } }, 'permit', ['admin#1']],
    ['a target with half a character', { roles: ['admin'], target: '\udc00' }, 'deny', []],
    ['a consumer with half a character', { consumer: '\udc00' }, 'deny', []],
    ['another organization', { organization: 'globex' as OrganizationName }, 'deny', []],
    ['an organization named like a property', { organization: 'constructor' as OrganizationName }, 'deny', []],
  ] as const)('%s', (_what, changes, effect, ruleIds) => {
    const decision = engineWith(roles).decide(request(changes as Partial<DecisionRequest>));
    expect([decision.effect, decision.ruleIds]).toEqual([effect, ruleIds]);
  });

  it('shows in lists what some arguments could open, and nothing that a deny closes whatever they are', () => {
    const engine = engineWith(roles);
    const may = (target: string, roles: readonly string[] = ['support', 'admin']): boolean => engine.mayEver(acme, roles, 'tools/call', 'crm', target);
    expect([may('get_customer'), may('get_secrets'), may('delete_customer'), may('delete_customer', ['support']), may('get_customer', [])]).toEqual([true, false, true, false, false]);
    expect(engine.mayEver('globex', ['admin'], 'tools/call', 'crm', 'x')).toBe(false);
  });
});

describe('what a caller sends', () => {
  const rules = { support: [{ allow: 'crm/*', when: { arguments: { owner: own, 'filter.region': 'eu' } } }] } satisfies Record<string, readonly PolicyRule[]>;
  const decide = (args: Record<string, unknown>, attributes: Record<string, string> = { customer_id: 'C1' }): Decision => engineWith(rules).decide(request({ attributes, arguments: args }));

  it('is read under dotted paths', () => {
    expect(decide({ owner: 'C1', filter: { region: 'eu' } }).effect).toBe('permit');
    expect(decide({ owner: 'C1', filter: { region: 'us' } }).effect).toBe('deny');
    expect(decide({ owner: 'C1', 'filter.region': 'eu' }).effect).toBe('deny');
    expect(decide({ owner: 'C1', filter: [{ region: 'eu' }] }).agentReason).toBe('The argument filter must be an object (rule support#1).');
    expect(decide({ owner: 'C1', filter: 'eu' }).effect).toBe('deny');
  });

  it('can not pose as an entity or a typed value', () => {
    for (const spoof of [{ __entity: { type: 'Gw::Consumer', id: 'bot' } }, { __extn: { fn: 'decimal', arg: '1.0' } }, { __expr: 'principal["customer_id"]' }]) {
      expect(decide({ owner: spoof, filter: { region: 'eu' } }).effect).toBe('deny');
      expect(decide({ ...spoof, owner: 'C2', filter: { region: 'eu' } }).effect).toBe('deny');
      expect(decide({ ...spoof, owner: 'C1', filter: { region: 'eu', ...spoof } }).effect).toBe('permit');
    }
  });

  it('counts only as its own properties', () => {
    const inherited = Object.create({ owner: 'C1', filter: { region: 'eu' } }) as Record<string, unknown>;
    expect(decide(inherited).effect).toBe('deny');
    const engine = engineWith({ support: [{ allow: 'crm/*', when: { arguments: { constructor: { present: true } } } }] });
    expect(engine.decide(request()).effect).toBe('deny');
    expect(engine.decide(request({ arguments: { constructor: 1 } })).effect).toBe('permit');
  });

  it('may hold anything where no rule looks', () => {
    expect(decide({ owner: 'C1', filter: { region: 'eu', weird: ['\ud800', null, 1.5] }, more: { deep: null } }).effect).toBe('permit');
  });

  it('never decides by an attribute that is no plain value', () => {
    const engine = engineWith(rules);
    const attributes = { customer_id: 1.5 };
    expect(engine.decide(request({ attributes, arguments: { owner: 'C1', filter: { region: 'eu' } } })).effect).toBe('deny');
  });
});

describe('reasons', () => {
  const engine = engineWith({
    support: [
      { allow: 'crm/get_customer', when: { arguments: { customer_id: own } } },
      { allow: 'crm/list', when: { arguments: { limit: { atLeast: 1, atMost: 100 }, region: { in: ['eu', 'us'] } } } },
      { allow: 'crm/list', when: { arguments: { tag: { like: 'pub-*' } } } },
      { allow: 'crm/pay' },
      { deny: 'crm/pay', when: { arguments: { amount: { greaterThan: 73_219 } } } },
      { allow: 'crm/wipe' },
      { deny: 'crm/wipe', reason: 'Wiping is done by the data team.' },
    ],
  });
  const attributes = { customer_id: 'C1' };

  it.each([
    ['no rule', { target: 'delete_customer' }, 'Your role support does not allow crm/delete_customer.'],
    ['no role', { roles: [] }, 'Your consumer holds no role, so crm/get_customer is not allowed. Ask the operator for a role.'],
    ['several roles', { roles: ['a', 'b'] }, 'Your roles a, b do not allow crm/get_customer.'],
    ['a condition', { attributes, arguments: { customer_id: 'C2' } }, "The argument customer_id must equal your consumer's customer_id (rule support#1)."],
    ['a missing argument', { attributes }, "The argument customer_id must equal your consumer's customer_id (rule support#1)."],
    ['a missing attribute', { arguments: { customer_id: 'C2' } }, "Rule support#1 compares with your consumer's attribute customer_id, which it does not have. Ask the operator to set it."],
    [
      'several conditions',
      { target: 'list', arguments: { limit: 500, region: 'eu' } },
      'crm/list is allowed when one of these holds: The argument limit must be at least 1 and must be at most 100, and the argument region must be one of "eu", "us" (rule support#2); or The argument tag must match "pub-*" (rule support#3).',
    ],
    ['a deny', { target: 'pay', arguments: { amount: 99_999 } }, 'Rule support#5 denies crm/pay with this value of the argument amount.'],
    ['a deny with a reason', { target: 'wipe' }, 'Wiping is done by the data team.'],
    ['a wrong type', { target: 'pay', arguments: { amount: '99999' } }, 'The argument amount must be an integer (rule support#5).'],
    ['a prompt', { action: 'prompts/get', target: 'p' }, 'Your role support does not allow the prompt crm/p.'],
    ['a resource', { action: 'resources/read', target: 'file:///x' }, 'Your role support does not allow the resource file:///x of crm.'],
  ] as const)('tell the agent what it can do about %s', (_what, changes, expected) => {
    expect(engine.decide(request(changes as Partial<DecisionRequest>)).agentReason).toBe(expected);
  });

  it('tell the operator the rules, and neither of them a value of an argument or what a deny asks', () => {
    const { agentReason, operatorReason } = engine.decide(request({ target: 'pay', arguments: { amount: 98_765 } }));
    expect(operatorReason).toBe('Denied by support#5.');
    expect(`${agentReason} ${operatorReason}`).not.toMatch(/98.?765|73.?219/);
  });

  it('carry the digest of the bundle', () => {
    expect(engine.decide(request()).bundleDigest).toBe('digest-1');
    expect(new PolicyEngine().decide(request()).bundleDigest).toBe('');
  });
});

describe('loading', () => {
  it('decides by the newest bundle, and by none once it is removed', () => {
    const engine = engineWith({ support: [{ allow: 'crm/*' }] });
    expect(engine.decide(request()).effect).toBe('permit');
    engineWith({ support: [{ allow: 'billing/*' }] }, engine);
    expect(engine.decide(request()).effect).toBe('deny');
    engine.remove(acme);
    expect(engine.decide(request({ server: 'billing' }))).toMatchObject({ effect: 'deny', bundleDigest: '' });
    expect(engine.digest(acme)).toBeUndefined();
  });

  it('takes the digest of a new revision with the same rules', () => {
    const engine = engineWith({ support: [{ allow: 'crm/*' }] });
    const { policies } = compileRoles(acme, [roleConfig.parse({ organization: acme, name: 'support', rules: [{ allow: 'crm/*' }] })]);
    engine.load({ format: 1, organization: acme, revision: 2, policies: [...policies] }, 'digest-2');
    expect(engine.decide(request())).toEqual({ effect: 'permit', ruleIds: ['support#1'], bundleDigest: 'digest-2' });
  });

  it('decides the same when slices no longer fit the cache of parsed ones', () => {
    const rules = Array.from({ length: 12 }, (_, index): PolicyRule => ({ allow: `crm/t${index}`, when: { arguments: { n: index } } }));
    const engine = engineWith({ support: rules }, new PolicyEngine({ slices: 3, policies: 2 }));
    for (const round of [1, 2]) {
      for (let index = 0; index < 12; index += 1) {
        expect([round, engine.decide(request({ target: `t${index}`, arguments: { n: index } })).effect]).toEqual([round, 'permit']);
        expect(engine.decide(request({ target: `t${index}`, arguments: { n: index + 1 } })).effect).toBe('deny');
      }
    }
  });

  it('denies when Cedar refuses a text', () => {
    const { policies } = compileRoles(acme, [roleConfig.parse({ organization: acme, name: 'support', rules: [{ allow: 'crm/*' }] })]);
    const engine = new PolicyEngine();
    engine.load({ format: 1, organization: acme, revision: 1, policies: policies.map((policy) => ({ ...policy, cedar: 'permit(principal' })) }, 'd');
    expect(engine.decide(request())).toMatchObject({ effect: 'deny', operatorReason: 'Cedar refused the request or the slice.' });
  });

  it('denies when a policy fails to evaluate, even beside one that permits', () => {
    const { policies } = compileRoles(acme, [roleConfig.parse({ organization: acme, name: 'support', rules: [{ allow: 'crm/*' }, { deny: 'crm/*', when: { arguments: { n: 1 } } }] })]);
    const broken = policies.map((policy) => (policy.effect === 'forbid' ? { ...policy, cedar: 'forbid(principal, action, resource) when { context.arguments["n"] < "x" };' } : policy));
    const engine = new PolicyEngine();
    engine.load({ format: 1, organization: acme, revision: 1, policies: broken }, 'd');
    expect(engine.decide(request({ arguments: { n: 1 } }))).toMatchObject({ effect: 'deny', ruleIds: [], operatorReason: 'Rules failed to evaluate: support#2.' });
  });
});
