import type { CompiledPolicy, DecisionRequest } from '@mcpgw/contracts';
import type { Projection } from './project-arguments.js';

/** `agent` names what the agent can do about it; `operator` names rules. Neither ever holds an argument's value. */
export interface Reasons {
  readonly agent: string;
  readonly operator: string;
}

const RULES_SHOWN = 3;
const ROLES_SHOWN = 8;
const NAME_SHOWN = 200;

export function noBundle(organization: string): Reasons {
  return {
    agent: 'The gateway has no access rules for your organization yet, so everything is denied. Try again in some seconds; if it lasts, tell the operator.',
    operator: `No policy bundle is held for ${organization}.`,
  };
}

export function malformed(what: string): Reasons {
  return { agent: `The ${what} of this call is no valid text or longer than 8 KiB, so the call was denied.`, operator: `Denied before any rule: the ${what} is not well-formed or too long.` };
}

export function notEvaluated(request: DecisionRequest, ruleIds: readonly string[]): Reasons {
  return {
    agent: `The rules for ${targetWords(request)} could not be evaluated, so the call was denied. Tell the operator.`,
    operator: ruleIds.length === 0 ? 'Cedar refused the request or the slice.' : `Rules failed to evaluate: ${ruleIds.join(', ')}.`,
  };
}

export function notComparable(projection: Extract<Projection, { ok: false }>): Reasons {
  if (projection.kind === 'attribute') {
    return {
      agent: `Your consumer's attribute ${projection.what} has a value that rules can't compare. Ask the operator to set it.`,
      operator: `The attribute ${projection.what} must be ${projection.must}.`,
    };
  }
  const { what, must, ruleId } = projection;
  return { agent: `The argument ${what} must be ${must} (rule ${ruleId}).`, operator: `The argument ${what} can't be compared by rule ${ruleId}: it must be ${must}.` };
}

export function forbidden(request: DecisionRequest, forbids: readonly CompiledPolicy[]): Reasons {
  const rule = forbids.find((policy) => policy.reason !== undefined) ?? forbids[0];
  const because = rule && rule.argumentPaths.length > 0 ? ` with this value of ${listed(rule.argumentPaths, 'the argument', 'the arguments')}` : '';
  return {
    agent: rule?.reason ?? `Rule ${rule?.id} denies ${targetWords(request)}${because}.`,
    operator: `Denied by ${forbids.map((policy) => policy.id).join(', ')}.`,
  };
}

/** No permit applied: says what the nearest ones ask for, if any is near. */
export function notPermitted(request: DecisionRequest, permits: readonly CompiledPolicy[]): Reasons {
  const operator = permits.length === 0 ? `No allow rule of ${rolesShown(request) || 'no role'} matches.` : `Conditions not met: ${permits.map((policy) => policy.id).join(', ')}.`;
  if (request.roles.length === 0) return { agent: `Your consumer holds no role, so ${targetWords(request)} is not allowed. Ask the operator for a role.`, operator };
  if (permits.length === 0) {
    return { agent: `Your ${listed(request.roles.slice(0, ROLES_SHOWN).map(shown), 'role', 'roles')} ${request.roles.length === 1 ? 'does' : 'do'} not allow ${targetWords(request)}.`, operator };
  }
  const within = permits.filter((policy) => missingAttributes(policy, request).length === 0);
  if (within.length === 0) {
    const nearest = permits[0] as CompiledPolicy;
    const missing = missingAttributes(nearest, request);
    return { agent: `Rule ${nearest.id} compares with your consumer's ${listed(missing, 'attribute', 'attributes')}, which it does not have. Ask the operator to set it.`, operator };
  }
  return { agent: conditionsWords(request, within), operator };
}

function conditionsWords(request: DecisionRequest, permits: readonly CompiledPolicy[]): string {
  const sentences = permits.slice(0, RULES_SHOWN).map((policy) => `${policy.condition ?? 'Its condition must hold'} (rule ${policy.id})`);
  if (sentences.length === 1) return `${sentences[0]}.`;
  const more = permits.length > RULES_SHOWN ? `; or as ${permits.length - RULES_SHOWN} more rules say` : '';
  return `${capital(targetWords(request))} is allowed when one of these holds: ${sentences.join('; or ')}${more}.`;
}

function missingAttributes(policy: CompiledPolicy, request: DecisionRequest): readonly string[] {
  return policy.attributes.filter((name) => !Object.hasOwn(request.attributes, name));
}

function targetWords(request: DecisionRequest): string {
  const target = shown(request.target);
  switch (request.action) {
    case 'tools/call':
      return `${request.server}/${target}`;
    case 'prompts/get':
      return `the prompt ${request.server}/${target}`;
    case 'resources/read':
      return `the resource ${target} of ${request.server}`;
    case 'extensions/call':
      return `the method ${target} of ${request.server}`;
  }
}

function rolesShown(request: DecisionRequest): string {
  return request.roles.slice(0, ROLES_SHOWN).map(shown).join(', ');
}

function listed(names: readonly string[], one: string, many: string): string {
  return `${names.length === 1 ? one : many} ${names.join(', ')}`;
}

function shown(name: string): string {
  return name.length <= NAME_SHOWN ? name : `${name.slice(0, NAME_SHOWN - 1)}…`;
}

function capital(text: string): string {
  return text.startsWith('the ') ? `T${text.slice(1)}` : text;
}
