import { z } from 'zod';
import { CONFIG_KINDS, consumerConfig, gatewayConfig, limitConfig, organizationConfig, roleConfig, routeConfig, serverConfig } from './config.js';
import { serverDefinition } from './definition.js';
import { consumerName, keyId, organizationName, secretName, serverName } from './ids.js';
import { event, rpc } from './message.js';
import { sealedSecret } from './runner.js';
import { serviceStatus } from './status.js';

export const serverHealth = z.object({
  state: z.enum(['pending', 'ready', 'failed']),
  /** ISO 8601 UTC. */
  since: z.string(),
  /** What went wrong and what to do, when `failed`. */
  problem: z.string().optional(),
});
export type ServerHealth = z.infer<typeof serverHealth>;

/** A registered server with what discovery pinned. `revision` grows with every change of `config` or `definition`. */
export const serverView = z.object({
  config: serverConfig,
  revision: z.int(),
  health: serverHealth,
  definition: serverDefinition.optional(),
});
export type ServerView = z.infer<typeof serverView>;

/** `hash` is HMAC-SHA-256 of the whole key under the API-key pepper, base64url. */
export const keyView = z.object({ id: keyId, consumer: consumerName, hash: z.string(), createdAt: z.string(), expiresAt: z.string().nullable() });
export type KeyView = z.infer<typeof keyView>;

/** All that the edge and the PDP need to know of one organization; revoked keys and disabled consumers' keys are left out. */
export const organizationView = z.object({
  organization: organizationConfig,
  revision: z.int(),
  servers: z.array(serverView),
  routes: z.array(routeConfig),
  roles: z.array(roleConfig),
  consumers: z.array(consumerConfig),
  limits: z.array(limitConfig),
  keys: z.array(keyView),
  secrets: z.array(z.object({ name: secretName, version: z.int(), sealed: sealedSecret })),
});
export type OrganizationView = z.infer<typeof organizationView>;

/**
 * Pull of what changed. `known` maps an organization to the revision the caller holds; those at another revision come back
 * whole, at most as many as fit 4 MiB; `more` says that the caller should ask again.
 */
export const registrySnapshot = rpc({
  subject: 'registry.v1.snapshot',
  request: z.object({ known: z.record(z.string(), z.int()) }),
  reply: z.object({ changed: z.array(organizationView), removed: z.array(organizationName), more: z.boolean() }),
});

export const registryChanged = event({
  subject: 'registry.v1.changed',
  payload: z.object({ organization: organizationName, revision: z.int() }),
});

const objectReference = z.string().describe('`<kind>/<organization>/<name>`, `organizations/<name>`');
export const applyResult = z.object({
  created: z.array(objectReference),
  updated: z.array(objectReference),
  deleted: z.array(objectReference),
  unchanged: z.int(),
});
export type ApplyResult = z.infer<typeof applyResult>;

/**
 * Makes the declared organizations equal to `config`, in one transaction: what the file doesn't name any more is deleted,
 * keys and secrets of what stays are kept. Organizations that the file doesn't name are left alone. A fault changes nothing
 * and lists all findings in `data.findings` (`{path, message}[]`) of an `invalid_params` error.
 */
export const registryApply = rpc({
  subject: 'registry.v1.apply',
  request: z.object({ actor: z.string(), config: gatewayConfig, dryRun: z.boolean() }),
  reply: applyResult,
  timeoutMs: 15_000,
});

export const registryExport = rpc({
  subject: 'registry.v1.export',
  request: z.object({ organization: organizationName.optional() }),
  reply: gatewayConfig.extend({ organizations: z.array(organizationConfig) }),
});

/** Adds, replaces or deletes one object without touching the rest: `mcpgw server add`, `consumer add`, `role delete` … */
export const registryPut = rpc({
  subject: 'registry.v1.put',
  request: z.discriminatedUnion('kind', [
    z.object({ actor: z.string(), kind: z.literal('servers'), value: serverConfig }),
    z.object({ actor: z.string(), kind: z.literal('consumers'), value: consumerConfig }),
    z.object({ actor: z.string(), kind: z.literal('roles'), value: roleConfig }),
    z.object({ actor: z.string(), kind: z.literal('routes'), value: routeConfig }),
    z.object({ actor: z.string(), kind: z.literal('limits'), value: limitConfig }),
  ]),
  reply: applyResult,
});
export const registryDelete = rpc({
  subject: 'registry.v1.delete',
  request: z.object({ actor: z.string(), kind: z.enum(CONFIG_KINDS), organization: organizationName, name: z.string() }),
  reply: applyResult,
});

/** Asks the server again what it offers, now. Replies when that is done or has failed. */
export const registryRefreshServer = rpc({
  subject: 'registry.v1.refresh-server',
  request: z.object({ organization: organizationName, server: serverName }),
  reply: serverView,
  timeoutMs: 60_000,
});

/** An upstream said that its lists changed. Sent by whoever holds the connection (edge or runner). */
export const upstreamChanged = event({
  subject: 'registry.v1.upstream-changed',
  payload: z.object({ organization: organizationName, server: serverName }),
});

/** The key itself is in this reply and nowhere else, ever. */
export const registryCreateKey = rpc({
  subject: 'registry.v1.create-key',
  request: z.object({ actor: z.string(), organization: organizationName, consumer: consumerName, expiresInSeconds: z.int().positive().max(10 * 365 * 86_400).optional() }),
  reply: z.object({ id: keyId, key: z.string(), organization: organizationName, consumer: consumerName, expiresAt: z.string().nullable() }),
});

export const keySummary = z.object({
  id: keyId,
  organization: organizationName,
  consumer: consumerName,
  createdAt: z.string(),
  expiresAt: z.string().nullable(),
  revokedAt: z.string().nullable(),
});
export const registryListKeys = rpc({
  subject: 'registry.v1.list-keys',
  request: z.object({ organization: organizationName.optional(), consumer: consumerName.optional() }),
  reply: z.object({ keys: z.array(keySummary) }),
});
export const registryRevokeKey = rpc({
  subject: 'registry.v1.revoke-key',
  request: z.object({ actor: z.string(), id: keyId }),
  reply: keySummary,
});

export const registryPutSecret = rpc({
  subject: 'registry.v1.put-secret',
  request: z.object({ actor: z.string(), organization: organizationName, name: secretName, sealed: sealedSecret }),
  reply: z.object({ version: z.int() }),
});
export const secretSummary = z.object({ organization: organizationName, name: secretName, version: z.int(), updatedAt: z.string() });
export const registryListSecrets = rpc({
  subject: 'registry.v1.list-secrets',
  request: z.object({ organization: organizationName.optional() }),
  reply: z.object({ secrets: z.array(secretSummary) }),
});
export const registryDeleteSecret = rpc({
  subject: 'registry.v1.delete-secret',
  request: z.object({ actor: z.string(), organization: organizationName, name: secretName }),
  reply: z.object({ deleted: z.boolean() }),
});

/** What the runner needs to start a server: its configuration at the current revision and the ciphertext of its secrets. */
export const registryServer = rpc({
  subject: 'registry.v1.server',
  request: z.object({ organization: organizationName, server: serverName }),
  reply: z.object({
    config: serverConfig,
    revision: z.int(),
    secrets: z.array(z.object({ name: secretName, version: z.int(), sealed: sealedSecret })),
  }),
});

/** Who holds this operator token? `not_found` never happens: an unknown token is `unauthenticated`. */
export const registryAuthenticateOperator = rpc({
  subject: 'registry.v1.authenticate-operator',
  request: z.object({ token: z.string().max(256) }),
  reply: z.object({ operator: z.string() }),
});

/** The first operator token, made when none exists yet; `null` ever after. */
export const registryBootstrap = rpc({
  subject: 'registry.v1.bootstrap',
  request: z.object({}),
  reply: z.object({ adminToken: z.string().nullable() }),
});

export const registryStatus = rpc({ subject: 'registry.v1.status', request: z.object({}), reply: serviceStatus });
