import type { CompiledPolicy, RoleConfig } from '@mcpgw/contracts';
import { parseFault } from './cedar.js';
import { compileRule } from './compile-rule.js';
import type { Finding } from './findings.js';

export interface CompiledRoles {
  readonly policies: readonly CompiledPolicy[];
  readonly findings: readonly Finding[];
}

/** More than this many rules in one organization make decisions slow: a slice may hold them all. */
export const MAX_POLICIES = 5_000;
/** A bundle must travel in one message of the bus, where quotes inside quotes may double it. */
export const MAX_POLICY_BYTES = 2 * 1_048_576;

/** Compiles the roles of one organization. Any finding means that the policies must not be used: they would say something else than the roles. */
export function compileRoles(organization: string, roles: readonly RoleConfig[]): CompiledRoles {
  const findings: Finding[] = [];
  const policies: CompiledPolicy[] = [];
  const names = new Set<string>();
  roles.forEach((role, index) => {
    if (role.organization !== organization) return;
    if (names.has(role.name)) findings.push({ path: `roles[${index}].name`, message: `the role ${role.name} is declared twice in ${organization}` });
    names.add(role.name);
    role.rules.forEach((rule, ruleIndex) => {
      const compiled = compileRule(role.name, ruleIndex + 1, rule);
      policies.push(compiled.policy);
      for (const { path, message } of compiled.findings) findings.push({ path: `roles[${index}].rules[${ruleIndex}].${path}`, message });
    });
  });
  if (findings.length === 0) findings.push(...wholeFindings(organization, policies));
  return { policies, findings };
}

function wholeFindings(organization: string, policies: readonly CompiledPolicy[]): readonly Finding[] {
  if (policies.length > MAX_POLICIES) return [{ path: 'roles', message: `${organization} has ${policies.length} rules; at most ${MAX_POLICIES} are supported: use wildcards` }];
  const bytes = Buffer.byteLength(JSON.stringify(policies));
  if (bytes > MAX_POLICY_BYTES) return [{ path: 'roles', message: `the rules of ${organization} compile to ${bytes} bytes; at most ${MAX_POLICY_BYTES} are supported: shorten lists and patterns` }];
  const fault = parseFault(policies);
  return fault === undefined ? [] : [{ path: 'roles', message: `Cedar refuses the rules of ${organization}: ${fault}` }];
}
