import { z } from 'zod';
import { organizationName } from './ids.js';
import { rpc } from './message.js';
import { serviceStatus } from './status.js';

export const USAGE_DIMENSIONS = ['organization', 'consumer', 'server', 'tool', 'hour'] as const;
export const usageDimension = z.enum(USAGE_DIMENSIONS);
export type UsageDimension = z.infer<typeof usageDimension>;

/** One row of counted usage; the dimensions asked for are present, `tool` reads `<server>/<tool>`. `calls` counts outcomes, also those that report a tool's error. */
export const usageRow = z.object({
  organization: z.string().optional(),
  consumer: z.string().optional(),
  server: z.string().optional(),
  tool: z.string().optional(),
  hour: z.string().optional(),
  calls: z.int(),
  errors: z.int(),
  unknown: z.int(),
  durationMs: z.number(),
  bytesIn: z.int(),
  bytesOut: z.int(),
});
export type UsageRow = z.infer<typeof usageRow>;

/** `from` inclusive, `to` exclusive, ISO 8601. `lag` is how many committed entries are not counted yet. */
export const billingUsage = rpc({
  subject: 'billing.v1.usage',
  request: z.object({ organization: organizationName.optional(), by: z.array(usageDimension).min(1).max(5), from: z.string().optional(), to: z.string().optional() }),
  reply: z.object({ rows: z.array(usageRow), lag: z.int() }),
});

/** Closes every hour that is over and sends what the outbox holds. `failed` names what the provider refused and why. */
export const billingSync = rpc({
  subject: 'billing.v1.sync',
  request: z.object({ includeOpenHour: z.boolean().default(false).describe('Report the running hour too, as its first revision') }),
  reply: z.object({
    windowsClosed: z.int(),
    sent: z.int(),
    pending: z.int(),
    failed: z.array(z.object({ identifier: z.string(), reason: z.string() })),
  }),
  timeoutMs: 60_000,
});

export const billingStatus = rpc({ subject: 'billing.v1.status', request: z.object({}), reply: serviceStatus });
