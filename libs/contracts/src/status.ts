import { z } from 'zod';

/** One service's own view of itself: what `mcpgw status` shows. `problems` names the culprit and what to do about it. */
export const serviceStatus = z.object({
  service: z.string(),
  instance: z.string(),
  ready: z.boolean(),
  startedAt: z.string(),
  problems: z.array(z.object({ component: z.string(), message: z.string(), action: z.string() })),
  details: z.record(z.string(), z.unknown()),
});
export type ServiceStatus = z.infer<typeof serviceStatus>;
