import type { CompiledPolicy, PolicyAction, PolicyRule } from '@mcpgw/contracts';
import { compileCondition, type CompiledCondition } from './compile-condition.js';
import type { Finding } from './findings.js';
import { cedarPattern, cedarString } from './literals.js';

export interface CompiledRule {
  readonly policy: CompiledPolicy;
  /** Paths relative to the rule: `when.arguments.customer_id`. */
  readonly findings: readonly Finding[];
}

export interface RuleTarget {
  readonly action: PolicyAction;
  readonly serverPattern: string;
  readonly targetPattern: string;
}

const PATTERN = /^(?:(tool|prompt|resource|method):)?([^/:]+)\/([^]+)$/;
const ACTIONS = { tool: 'tools/call', prompt: 'prompts/get', resource: 'resources/read', method: 'extensions/call' } as const;
const MAX_ARGUMENTS_PER_RULE = 32;
const MAX_ATTRIBUTES_PER_RULE = 16;

/** Compiles the rule at `position` (from 1) of a role. With findings the policy must not be used. */
export function compileRule(role: string, position: number, rule: PolicyRule): CompiledRule {
  const effect = rule.deny === undefined ? 'permit' : 'forbid';
  const pattern = rule.deny ?? rule.allow ?? '';
  const target = parsePattern(pattern);
  const conditions = Object.entries(rule.when?.arguments ?? {}).map(([path, condition]) => ({ path, ...compileCondition(path, condition, effect) }));
  const id = `${role}#${position}`;
  const policy: CompiledPolicy = {
    id,
    effect,
    role,
    ...target,
    argumentPaths: conditions.map((condition) => condition.path),
    argumentTypes: conditions.flatMap((condition) => [...condition.types]),
    attributes: [...new Set(conditions.flatMap((condition) => condition.attributes))],
    ...(rule.reason === undefined ? {} : { reason: rule.reason }),
    // A deny's conditions are what an agent must avoid, and telling them would show it where the fence ends.
    ...(effect === 'permit' && conditions.length > 0 ? { condition: sentence(conditions) } : {}),
    cedar: policyText(id, effect, role, target, conditions.flatMap((condition) => condition.cedar)),
  };
  return { policy, findings: [...patternFindings(rule, pattern), ...whenFindings(rule, policy), ...conditions.flatMap(conditionFindings)] };
}

export function parsePattern(pattern: string): RuleTarget {
  const [, kind = 'tool', serverPattern = '', targetPattern = ''] = PATTERN.exec(pattern) ?? [];
  return { action: ACTIONS[kind as keyof typeof ACTIONS], serverPattern, targetPattern };
}

/** Every string of the operator enters the text through `cedarString` or `cedarPattern`. */
export function policyText(id: string, effect: CompiledPolicy['effect'], role: string, target: RuleTarget, conditions: readonly string[]): string {
  const conjuncts = [...matchText('resource.server', target.serverPattern), ...matchText('resource.name', target.targetPattern), ...conditions];
  const when = conjuncts.length === 0 ? '' : ` when {\n  ${conjuncts.join(' &&\n  ')}\n}`;
  const scope = `principal in Gw::Role::${cedarString(role)}, action == Gw::Action::${cedarString(target.action)}, resource`;
  return `@id(${cedarString(id)})\n${effect}(${scope})${when};`;
}

function matchText(attribute: string, pattern: string): readonly string[] {
  if (/^\*+$/.test(pattern)) return [];
  return [pattern.includes('*') ? `${attribute} like ${cedarPattern(pattern)}` : `${attribute} == ${cedarString(pattern)}`];
}

function sentence(conditions: readonly (CompiledCondition & { readonly path: string })[]): string {
  return conditions.map(({ path, words }, index) => `${index === 0 ? 'The' : 'the'} argument ${path} ${words}`).join(', and ');
}

function patternFindings(rule: PolicyRule, pattern: string): readonly Finding[] {
  const path = rule.deny === undefined ? 'allow' : 'deny';
  if (!PATTERN.test(pattern)) return [{ path, message: 'must read "<server>/<tool>", with * as a wildcard, optionally after prompt:, resource: or method:' }];
  return pattern.isWellFormed() ? [] : [{ path, message: 'holds half of a UTF-16 pair, which is no text' }];
}

function whenFindings(rule: PolicyRule, policy: CompiledPolicy): readonly Finding[] {
  if (rule.when === undefined) return [];
  const count = policy.argumentPaths.length;
  if (count === 0) return [{ path: 'when.arguments', message: 'names no argument: leave `when` out if the rule has no condition' }];
  const findings: Finding[] = [];
  if (count > MAX_ARGUMENTS_PER_RULE) findings.push({ path: 'when.arguments', message: `names ${count} arguments; at most ${MAX_ARGUMENTS_PER_RULE} are supported` });
  if (policy.attributes.length > MAX_ATTRIBUTES_PER_RULE) {
    findings.push({ path: 'when.arguments', message: `compares with ${policy.attributes.length} attributes; at most ${MAX_ATTRIBUTES_PER_RULE} are supported` });
  }
  return findings;
}

function conditionFindings(condition: CompiledCondition & { readonly path: string }): readonly Finding[] {
  const path = `when.arguments.${condition.path}`;
  const findings = condition.faults.map((message) => ({ path, message }));
  if (!condition.path.isWellFormed()) findings.push({ path, message: 'the name holds half of a UTF-16 pair, which is no text' });
  // Cedar's JSON gives `__entity` and `__extn` a meaning, and JavaScript gives one to `__proto__`.
  if (condition.path.split('.').some((name) => name.startsWith('__'))) findings.push({ path, message: 'argument names that begin with two underscores are reserved and can not be compared' });
  return findings;
}
