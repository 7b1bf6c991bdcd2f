import { z } from 'zod';

const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);

/** The secret key would cross a network in the clear otherwise. */
function keepsTheKeySafe(address: string): boolean {
  const { protocol, hostname } = new URL(address);
  return protocol === 'https:' || LOOPBACK.has(hostname);
}

export const billingConfig = z.object({
  databaseUrl: z.string({ error: 'must be set: the Postgres that keeps the usage, postgresql://user:password@host:port/database' }).min(1).describe('Postgres that keeps windows, revisions and the outbox'),
  stripeKey: z
    .string()
    .regex(/^((sk|rk)_\w+)?$/, 'must be a secret (sk_…) or restricted (rk_…) Stripe key with write access to meter events')
    .transform((key) => (key === '' ? undefined : key)) // deployments mount a file that is empty until there is a key
    .optional()
    .describe('Stripe key for meter events; without one usage is counted and closed, and its meter events wait in the outbox'),
  stripeApiBase: z
    .url({ protocol: /^https?$/ })
    .refine(keepsTheKeySafe, 'must be https, or a loopback address')
    .optional()
    .describe('Where the Stripe API is, for stand-ins; https://api.stripe.com when absent'),
  stripeTimeoutMs: z.coerce.number().int().min(100).max(80_000).default(10_000).describe('Longest wait for one answer of Stripe, in milliseconds'),
  pollMs: z.coerce.number().int().min(50).max(60_000).default(2_000).describe('How often the audit log is asked for new entries when no hint arrives, in milliseconds'),
  closeGraceMinutes: z.coerce
    .number()
    .int()
    .min(0)
    .max(1_440)
    .default(15)
    .describe('Minutes after its end that an hour stays open for late entries; later ones make a new revision. Below the 60 that Stripe gives an invoice'),
  settleSeconds: z.coerce.number().int().min(1).max(3_600).default(60).describe('How often hours are closed and meter events are sent, in seconds'),
});
export type BillingConfig = z.infer<typeof billingConfig>;
