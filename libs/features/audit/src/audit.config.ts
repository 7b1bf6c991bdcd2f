import { z } from 'zod';

export const auditConfig = z.object({
  databaseUrl: z.string().min(1).describe('Postgres that keeps the log, postgresql://…'),
  auditConnections: z.coerce.number().int().min(2).max(64).default(4).describe('Most connections to Postgres; each batch of entries takes one'),
  auditCheckpointEveryMs: z.coerce.number().int().min(100).max(60_000).default(1_000).describe('Milliseconds between signed checkpoints of a log that grows'),
  auditSweepAfterSeconds: z.coerce.number().int().min(1).max(604_800).default(3_600).describe('Seconds after which the open call of an edge that is not heard of any more is closed as unknown'),
});
export type AuditConfig = z.infer<typeof auditConfig>;

export const AUDIT_CONFIG = Symbol('AuditConfig');
