import { z } from 'zod';

const names = z
  .string()
  .transform((text) => text.split(',').map((name) => name.trim().toLowerCase()).filter((name) => name !== ''))
  .refine((list) => list.length > 0, 'needs at least one host name');

/** Settings of the management API. */
export const adminConfig = z.object({
  adminHost: z.string().default('127.0.0.1').describe('Address that the management API listens on'),
  adminPort: z.coerce.number().int().min(0).max(65_535).default(8090).describe('Port of the management API; 0: any free one'),
  adminAllowedHosts: names
    .prefault('localhost,127.0.0.1,[::1]')
    .describe('Host names, joined by commas, under which the API may be addressed (Host) and called from a page (Origin); all others are refused, which stops DNS rebinding'),
  adminMaxBodyBytes: z.coerce.number().int().min(1_024).max(134_217_728).default(8_388_608).describe('Largest request body in bytes; the default takes a configuration of some ten thousand objects'),
});
export type AdminConfig = z.infer<typeof adminConfig>;
