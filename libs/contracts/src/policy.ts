import { z } from 'zod';
import { organizationName } from './ids.js';
import { event, rpc } from './message.js';
import { serviceStatus } from './status.js';

/** What a policy speaks of. Cedar action ids. `extensions/call`: a method that an extension adds; its target is the method. */
export const policyAction = z.enum(['tools/call', 'prompts/get', 'resources/read', 'extensions/call']);
export type PolicyAction = z.infer<typeof policyAction>;

/**
 * One compiled rule. `cedar` is the policy of record; the rest is the index that the edge slices by: only policies whose
 * role the principal holds and whose pattern matches the target can apply.
 */
export const compiledPolicy = z.object({
  /** `<role>#<position in the role's rules, from 1>`; what entries and explanations show. */
  id: z.string(),
  effect: z.enum(['permit', 'forbid']),
  role: z.string(),
  action: policyAction,
  serverPattern: z.string(),
  targetPattern: z.string(),
  /** Arguments that the policy reads; empty: its decision depends on the slice alone. */
  argumentPaths: z.array(z.string()),
  /**
   * What those arguments must be for the policy to compare them: one of `types`, or the type of one of the consumer's
   * `attributes`. A call whose argument is anything else is denied. A path without a row is only asked whether it is there.
   */
  argumentTypes: z.array(z.object({ path: z.string(), types: z.array(z.enum(['string', 'integer', 'boolean'])), attributes: z.array(z.string()) })),
  attributes: z.array(z.string()),
  reason: z.string().optional(),
  /** What the conditions ask, in words an agent can act on. */
  condition: z.string().optional(),
  cedar: z.string(),
});
export type CompiledPolicy = z.infer<typeof compiledPolicy>;

/** A function of the registry view alone, so that every PDP makes the same bytes of it. */
export const policyBundle = z.object({
  format: z.literal(1),
  organization: organizationName,
  /** Revision of the registry view that it was compiled from. An edge refuses a bundle older than the one it holds. */
  revision: z.int(),
  policies: z.array(compiledPolicy),
});
export type PolicyBundle = z.infer<typeof policyBundle>;

/**
 * `payload` is the bundle as canonical JSON text, `digest` its SHA-256 in lower-case hex, `signature` Ed25519 over
 * `mcpgw-policy-bundle\n` and the payload, base64url.
 */
export const signedBundle = z.object({ organization: organizationName, digest: z.string(), payload: z.string(), signature: z.string(), keyId: z.string() });
export type SignedBundle = z.infer<typeof signedBundle>;

/** `known` maps an organization to the digest the caller holds. At most 4 MiB of bundles come at once; `more` says to ask again. */
export const policyBundles = rpc({
  subject: 'policy.v1.bundles',
  request: z.object({ known: z.record(z.string(), z.string()) }),
  reply: z.object({ bundles: z.array(signedBundle), removed: z.array(organizationName), more: z.boolean() }),
});

/** `digest` is empty when the organization is gone. */
export const policyChanged = event({ subject: 'policy.v1.changed', payload: z.object({ organization: organizationName, digest: z.string() }) });

const attribute = z.union([z.string(), z.int(), z.boolean()]);

/** `target` is the server's own tool or prompt name, resource URI, or the method of an extension. */
export const decisionRequest = z.object({
  organization: organizationName,
  consumer: z.string(),
  user: z.string().optional(),
  roles: z.array(z.string()),
  attributes: z.record(z.string(), attribute),
  action: policyAction,
  server: z.string(),
  target: z.string(),
  arguments: z.record(z.string(), z.unknown()),
});
export type DecisionRequest = z.infer<typeof decisionRequest>;

/** `ruleIds` determined the decision: the permits, or the forbids; empty when nothing permitted. `agentReason` is for the agent. */
export const decision = z.object({
  effect: z.enum(['permit', 'deny']),
  ruleIds: z.array(z.string()),
  bundleDigest: z.string(),
  agentReason: z.string().optional(),
  operatorReason: z.string().optional(),
});
export type Decision = z.infer<typeof decision>;

/** The decision point asked per call: `policy.mode: remote` on the edge. */
export const policyDecide = rpc({ subject: 'policy.v1.decide', request: decisionRequest, reply: decision, timeoutMs: 2_000 });

export const policyStatus = rpc({ subject: 'policy.v1.status', request: z.object({}), reply: serviceStatus });
