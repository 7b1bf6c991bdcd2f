import { z } from 'zod';

export const policyConfig = z.object({
  policyPullMs: z.coerce.number().int().min(100).max(60_000).default(2_000).describe('Milliseconds between two looks at the registry when no hint of a change arrives'),
});
export type PolicyConfig = z.infer<typeof policyConfig>;

export const POLICY_CONFIG = Symbol('PolicyConfig');
