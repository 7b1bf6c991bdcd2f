import { createRequire } from 'node:module';
import type * as CedarWasm from '@cedar-policy/cedar-wasm/nodejs';

// The package's Node build is CommonJS and reads its wasm file beside it, which a bundling import would lose.
const cedar = createRequire(import.meta.url)('@cedar-policy/cedar-wasm/nodejs') as typeof CedarWasm;

export interface CedarPolicy {
  readonly id: string;
  readonly cedar: string;
}

export interface CedarRequest {
  readonly consumer: string;
  /** Only roles that some policy names: others change nothing and would only be more to convert. */
  readonly roles: readonly string[];
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
  readonly action: string;
  readonly server: string;
  readonly target: string;
  readonly arguments: Readonly<Record<string, string | number | boolean>>;
}

/** `policies` satisfied, of the effect that won; `erred` could not be evaluated, which the caller must treat as a denial. */
export interface CedarAnswer {
  readonly allow: boolean;
  readonly policies: readonly string[];
  readonly erred: readonly string[];
}

/** What Cedar has against the texts, or `undefined`. */
export function parseFault(policies: readonly CedarPolicy[]): string | undefined {
  return faultOf(() => cedar.checkParsePolicySet({ staticPolicies: byId(policies) }));
}

/**
 * Keeps a parsed policy set under `slot` in this thread. Cedar has no way to delete one: an empty set written over it gives the
 * memory back. Returns the fault, or `undefined`; after a fault the slot holds what it held.
 */
export function preparse(slot: string, policies: readonly CedarPolicy[]): string | undefined {
  return faultOf(() => cedar.preparsePolicySet(slot, { staticPolicies: byId(policies) }));
}

/** Evaluates the set under `slot`. Values that Cedar refuses make it throw or fail: both come back as `undefined`. */
export function authorize(slot: string, request: CedarRequest): CedarAnswer | undefined {
  try {
    return toAnswer(cedar.statefulIsAuthorized({ ...toCall(request), preparsedPolicySetId: slot }));
  } catch {
    return undefined;
  }
}

/** The same answer from the texts, parsed for this one call: slow, an oracle for specs. */
export function authorizeFromText(policies: readonly CedarPolicy[], request: CedarRequest): CedarAnswer | undefined {
  return toAnswer(cedar.isAuthorized({ ...toCall(request), policies: { staticPolicies: byId(policies) } }));
}

function byId(policies: readonly CedarPolicy[]): Record<string, string> {
  return Object.fromEntries(policies.map((policy) => [policy.id, policy.cedar]));
}

function faultOf(run: () => CedarWasm.CheckParseAnswer): string | undefined {
  try {
    const answer = run();
    return answer.type === 'success' ? undefined : answer.errors.map((error) => error.message).join('; ');
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/**
 * The entity model. Argument values stand flat in `context.arguments` under their dotted path, so nothing that a caller sends
 * is ever read as a Cedar entity or extension value.
 */
function toCall(request: CedarRequest): Pick<CedarWasm.AuthorizationCall, 'principal' | 'action' | 'resource' | 'context' | 'entities'> {
  const principal = { type: 'Gw::Consumer', id: request.consumer };
  const resource = { type: 'Gw::Target', id: 'target' };
  return {
    principal,
    action: { type: 'Gw::Action', id: request.action },
    resource,
    context: { arguments: { ...request.arguments } },
    entities: [
      { uid: principal, attrs: { ...request.attributes }, parents: request.roles.map((id) => ({ type: 'Gw::Role', id })) },
      { uid: resource, attrs: { server: request.server, name: request.target }, parents: [] },
    ],
  };
}

function toAnswer(answer: CedarWasm.AuthorizationAnswer): CedarAnswer | undefined {
  if (answer.type === 'failure') return undefined;
  const { decision, diagnostics } = answer.response;
  return { allow: decision === 'allow', policies: diagnostics.reason, erred: diagnostics.errors.map((error) => error.policyId) };
}
