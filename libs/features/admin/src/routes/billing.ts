import { billingSync, billingUsage, organizationName, usageDimension, USAGE_DIMENSIONS } from '@mcpgw/contracts';
import { z } from 'zod';
import { route, type Route } from '../http/route.js';

const instant = z.iso.datetime({ offset: true });

export const billingRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/api/v1/usage',
    tag: 'billing',
    summary: 'Usage counted from committed entries.',
    query: z.object({
      by: z
        .string()
        .default('tool')
        .transform((text) => text.split(','))
        .pipe(z.array(usageDimension).min(1).max(5))
        .describe(`Joined by commas: ${USAGE_DIMENSIONS.join(', ')}`),
      from: instant.optional().describe('Inclusive'),
      to: instant.optional().describe('Exclusive'),
      organization: organizationName.optional(),
    }),
    reply: billingUsage.reply,
    handle: ({ ask, query }) => ask(billingUsage, query),
  }),
  route({
    method: 'POST',
    path: '/api/v1/billing/sync',
    tag: 'billing',
    summary: 'Closes every hour that is over and sends what the outbox holds.',
    body: z.strictObject({ includeOpenHour: z.boolean().default(false) }).optional(),
    reply: billingSync.reply,
    handle: ({ ask, body }) => ask(billingSync, { includeOpenHour: body?.includeOpenHour ?? false }),
  }),
];
