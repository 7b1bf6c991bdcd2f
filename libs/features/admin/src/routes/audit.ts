import { auditCheckpoints, auditEntries, auditFind, auditHeads, organizationName } from '@mcpgw/contracts';
import { z } from 'zod';
import { route, type Route } from '../http/route.js';

const inPath = z.object({ organization: organizationName });
const from = z.coerce.number().int().min(0).default(0);

/** The log: all that somebody needs to verify it for themselves. */
export const auditRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/api/v1/audit/heads',
    tag: 'audit',
    summary: 'Size and root hash of each log.',
    reply: auditHeads.reply,
    handle: ({ ask }) => ask(auditHeads, {}),
  }),
  route({
    method: 'GET',
    path: '/api/v1/audit/calls/{id}',
    // Or the log of an organization named "calls" could not be read.
    match: '/api/v1/audit/calls/:id(^[0-9a-fA-F-]{36}$)',
    tag: 'audit',
    summary: 'All entries of a call, by its id or the id of one of its entries.',
    params: z.object({ id: z.uuid() }),
    reply: auditFind.reply,
    handle: ({ ask, params }) => ask(auditFind, { id: params.id.toLowerCase() }),
  }),
  route({
    method: 'GET',
    path: '/api/v1/audit/{organization}/entries',
    tag: 'audit',
    summary: 'Entries in order from an index on; ask again from `next`.',
    params: inPath,
    query: z.object({
      from,
      limit: z.coerce.number().int().min(1).max(2_000).default(500),
      since: z.iso.datetime({ offset: true }).optional().describe('Skip what is older'),
    }),
    reply: auditEntries.reply,
    handle: ({ ask, params, query }) => ask(auditEntries, { organization: params.organization, ...query }),
  }),
  route({
    method: 'GET',
    path: '/api/v1/audit/{organization}/checkpoints',
    tag: 'audit',
    summary: 'Signed checkpoints in order of size, and the key that verifies them.',
    params: inPath,
    query: z.object({ afterSize: from, limit: z.coerce.number().int().min(1).max(1_000).default(1_000) }),
    reply: auditCheckpoints.reply,
    handle: ({ ask, params, query }) => ask(auditCheckpoints, { organization: params.organization, ...query }),
  }),
];
