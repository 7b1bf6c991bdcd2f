import { applyResult, gatewayConfig, organizationConfig, organizationName, registryApply, registryDelete, registryExport } from '@mcpgw/contracts';
import { z } from 'zod';
import { route, type Route } from '../http/route.js';

const flag = z.enum(['true', 'false', '1', '0', '']).default('false').transform((text) => text === 'true' || text === '1' || text === '');

/** The declared configuration as a whole. */
export const configurationRoutes: readonly Route[] = [
  route({
    method: 'POST',
    path: '/api/v1/apply',
    tag: 'configuration',
    summary: 'Makes the declared organizations equal to the body; with dryRun, says what would change.',
    query: z.object({ dryRun: flag.describe('true: change nothing') }),
    body: gatewayConfig,
    reply: applyResult,
    handle: ({ ask, operator, query, body }) => ask(registryApply, { actor: operator, config: body, dryRun: query.dryRun }),
  }),
  route({
    method: 'GET',
    path: '/api/v1/export',
    tag: 'configuration',
    summary: 'The configuration as apply takes it.',
    query: z.object({ organization: organizationName.optional() }),
    reply: registryExport.reply,
    handle: ({ ask, query }) => ask(registryExport, query),
  }),
  route({
    method: 'GET',
    path: '/api/v1/organizations',
    tag: 'configuration',
    summary: 'All organizations.',
    reply: z.object({ organizations: z.array(organizationConfig) }),
    handle: async ({ ask }) => ({ organizations: (await ask(registryExport, {})).organizations }),
  }),
  route({
    method: 'DELETE',
    path: '/api/v1/organizations/{organization}',
    tag: 'configuration',
    summary: 'Deletes an organization with all that belongs to it. Its log and its usage stay.',
    params: z.object({ organization: organizationName }),
    reply: applyResult,
    handle: ({ ask, operator, params }) => ask(registryDelete, { actor: operator, kind: 'organizations', organization: params.organization, name: params.organization }),
  }),
];
