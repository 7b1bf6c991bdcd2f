import { z } from 'zod';

export const registryConfig = z.object({
  databaseUrl: z.string().regex(/^postgres(ql)?:/, 'must read postgresql://user@host:port/database').describe('Postgres that keeps the registry, postgresql://…'),
  discoveryTimeoutSeconds: z.coerce.number().min(1).max(600).default(45).describe('Longest time a server may take to start and list what it offers, in seconds'),
  rediscoverSeconds: z.coerce.number().min(1).max(86_400).default(300).describe('A ready server is asked again after so many seconds'),
  discoveryParallel: z.coerce.number().int().min(1).max(64).default(8).describe('Servers that one registry asks at the same time'),
});
export type RegistryConfig = z.infer<typeof registryConfig>;

export const REGISTRY_CONFIG = Symbol('RegistryConfig');
