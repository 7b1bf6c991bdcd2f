import {
  consumerName,
  keyId,
  keySummary,
  organizationName,
  registryCreateKey,
  registryDeleteSecret,
  registryListKeys,
  registryListSecrets,
  registryPutSecret,
  registryRevokeKey,
  runnerSealSecret,
  secretName,
} from '@mcpgw/contracts';
import { z } from 'zod';
import { route, type Route } from '../http/route.js';

const secretInPath = z.object({ organization: organizationName, name: secretName.describe('Slashes as %2F') });

/** API keys of consumers, and secrets of servers. A key is shown once; a secret's value never comes back. */
export const credentialRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/api/v1/keys',
    tag: 'keys',
    summary: 'All API keys, by their public id.',
    query: z.object({ organization: organizationName.optional(), consumer: consumerName.optional() }),
    reply: registryListKeys.reply,
    handle: ({ ask, query }) => ask(registryListKeys, query),
  }),
  route({
    method: 'POST',
    path: '/api/v1/keys',
    tag: 'keys',
    summary: 'Makes an API key. The key itself is in this answer and nowhere else.',
    body: z.strictObject({ organization: organizationName, consumer: consumerName, expiresInSeconds: z.int().positive().max(10 * 365 * 86_400).optional() }),
    reply: registryCreateKey.reply,
    handle: ({ ask, operator, body }) => ask(registryCreateKey, { actor: operator, ...body }),
  }),
  route({
    method: 'DELETE',
    path: '/api/v1/keys/{id}',
    tag: 'keys',
    summary: 'Revokes an API key; it stops working within a second.',
    params: z.object({ id: keyId }),
    reply: keySummary,
    handle: ({ ask, operator, params }) => ask(registryRevokeKey, { actor: operator, id: params.id }),
  }),
  route({
    method: 'GET',
    path: '/api/v1/secrets',
    tag: 'secrets',
    summary: 'Names and versions of all secrets.',
    query: z.object({ organization: organizationName.optional() }),
    reply: registryListSecrets.reply,
    handle: ({ ask, query }) => ask(registryListSecrets, query),
  }),
  route({
    method: 'PUT',
    path: '/api/v1/organizations/{organization}/secrets/{name}',
    tag: 'secrets',
    summary: 'Sets a secret. The runner encrypts it; the value is stored by nobody and never comes back.',
    params: secretInPath,
    body: z.strictObject({ value: z.string().min(1).max(65_536) }),
    reply: registryPutSecret.reply,
    handle: async ({ ask, operator, params, body }) => {
      const sealed = await ask(runnerSealSecret, { ...params, value: body.value });
      return ask(registryPutSecret, { actor: operator, ...params, sealed });
    },
  }),
  route({
    method: 'DELETE',
    path: '/api/v1/organizations/{organization}/secrets/{name}',
    tag: 'secrets',
    summary: 'Deletes a secret.',
    params: secretInPath,
    reply: registryDeleteSecret.reply,
    handle: ({ ask, operator, params }) => ask(registryDeleteSecret, { actor: operator, ...params }),
  }),
];
