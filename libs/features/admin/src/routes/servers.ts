import { organizationName, registryRefreshServer, serverConfig, serverHealth, serverName, serverView, toolDefinition, type ServerView } from '@mcpgw/contracts';
import { z } from 'zod';
import { route, type Route } from '../http/route.js';

const path = '/api/v1/organizations/{organization}/servers/{name}';
const inPath = z.object({ organization: organizationName, name: serverName });

/** A server without the whole of what it offers: a list must stay readable with thousands of tools. */
const serverSummary = z.object({
  config: serverConfig,
  revision: z.int(),
  health: serverHealth,
  era: z.enum(['legacy', 'modern']).optional(),
  tools: z.int(),
  dropped: z.int().describe('Items that were left out because they are invalid'),
});

function summary({ config, revision, health, definition }: ServerView): z.infer<typeof serverSummary> {
  return { config, revision, health, era: definition?.era, tools: definition?.tools.length ?? 0, dropped: definition?.dropped.length ?? 0 };
}

/** What only servers have: health, discovery, tools. */
export const serversRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/api/v1/servers',
    tag: 'servers',
    summary: 'All servers with their health.',
    query: z.object({ organization: organizationName.optional() }),
    reply: z.object({ servers: z.array(serverSummary) }),
    handle: async ({ query }, { servers }) => ({ servers: (await servers.all(query.organization)).map(summary) }),
  }),
  route({
    method: 'GET',
    path,
    tag: 'servers',
    summary: 'One server with its health and what discovery pinned.',
    params: inPath,
    reply: serverView,
    handle: ({ params }, { servers }) => servers.one(params.organization, params.name),
  }),
  route({
    method: 'GET',
    path: `${path}/tools`,
    tag: 'servers',
    summary: "A server's tools under its own names, and what was left out of them and why.",
    params: inPath,
    reply: z.object({ tools: z.array(toolDefinition), dropped: z.array(z.object({ kind: z.string(), name: z.string(), reason: z.string() })) }),
    handle: async ({ params }, { servers }) => {
      const { definition } = await servers.one(params.organization, params.name);
      return { tools: definition?.tools ?? [], dropped: definition?.dropped ?? [] };
    },
  }),
  route({
    method: 'POST',
    path: `${path}/refresh`,
    tag: 'servers',
    summary: 'Asks the server again what it offers, and answers when that is done or has failed.',
    params: inPath,
    reply: serverView,
    handle: ({ ask, params }) => ask(registryRefreshServer, { organization: params.organization, server: params.name }),
  }),
];
