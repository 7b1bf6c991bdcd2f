import { z } from 'zod';
import { era } from './definition.js';
import { callId, entryId, keyId, organizationName } from './ids.js';
import { event, rpc } from './message.js';
import { serviceStatus } from './status.js';

/**
 * One entry of the audit log: RFC 8785 canonical JSON of this shape, at most 60 KiB. The leaf is
 * SHA-256(0x00 || canonical bytes), RFC 6962.
 *
 * `intent` is written before an upstream is called. `outcome`, `denied` and `unknown` are terminal: exactly one for each
 * call. A terminal entry with `intentId` closes that intent; one without it was answered by the gateway itself (a refusal,
 * a list, a handshake) and has no intent. `late` records an outcome that arrives after its intent was closed as `unknown`.
 */
export const entryPhase = z.enum(['intent', 'outcome', 'denied', 'unknown', 'late']);
export type EntryPhase = z.infer<typeof entryPhase>;
export const TERMINAL_PHASES: readonly EntryPhase[] = ['outcome', 'denied', 'unknown'];

export const auditEntry = z.object({
  v: z.literal(1),
  entryId,
  callId,
  intentId: entryId.optional(),
  phase: entryPhase,
  organization: organizationName,
  /** ISO 8601 UTC with milliseconds, the writer's clock. */
  time: z.string(),
  /** Who wrote it. `seq` counts from 1 within an epoch without a gap; an epoch is one run of one edge. */
  edge: z.object({ id: z.string(), epoch: z.int(), seq: z.int() }),
  principal: z.object({ consumer: z.string(), user: z.string().optional(), keyId: keyId.optional(), roles: z.array(z.string()) }).optional(),
  client: z.object({ address: z.string().optional(), era: era.optional(), protocolVersion: z.string().optional(), name: z.string().optional() }),
  /** JSON-RPC method, or `unparsed` when the body could not be read that far. */
  method: z.string(),
  route: z.string().optional(),
  server: z.string().optional(),
  serverRevision: z.int().optional(),
  /** The server's own tool or prompt name, or resource URI. */
  target: z.string().optional(),
  request: z.object({ bytes: z.int(), argumentsHmac: z.string().optional() }),
  decision: z.object({ effect: z.enum(['permit', 'deny']), ruleIds: z.array(z.string()), bundleDigest: z.string(), reason: z.string().optional() }).optional(),
  outcome: z
    .object({
      /** `tool_error` is a result with `isError: true`: the call itself succeeded. */
      status: z.enum(['ok', 'tool_error', 'error']),
      code: z.string().optional(),
      bytes: z.int(),
      durationUs: z.int(),
      upstreamUs: z.int().optional(),
      resultDigest: z.string().optional(),
    })
    .optional(),
  traceId: z.string().optional(),
  /**
   * Only in `late`, which the audit service writes in the name of the outcome that came too late and under its entry id: the
   * place and time that the edge gave it, so that the edge's numbering shows no gap.
   */
  replaces: z.object({ edge: z.object({ id: z.string(), epoch: z.int(), seq: z.int() }), time: z.string() }).optional(),
});
export type AuditEntry = z.infer<typeof auditEntry>;

export const MAX_ENTRY_BYTES = 61_440;

/**
 * Hands a run of entries to the log; sent by one edge in the order it wrote them, one batch at a time. The reply is the
 * commit receipt: everything up to `committedSeq` of that epoch is in Postgres, and only then may the spool trim.
 * Sending a batch again is harmless. A first batch of a new epoch (it may be empty) says that all older epochs of this edge
 * are handed over: their open intents are closed as `unknown`.
 */
export const auditAppend = rpc({
  subject: 'audit.v1.append',
  request: z.object({ edgeId: z.string().max(128), epoch: z.int(), lastSeq: z.int(), entries: z.array(z.string().max(MAX_ENTRY_BYTES)).max(2_000) }),
  reply: z.object({ edgeId: z.string(), epoch: z.int(), committedSeq: z.int() }),
  timeoutMs: 10_000,
});

export const auditCommitted = event({ subject: 'audit.v1.committed', payload: z.object({ heads: z.array(z.object({ organization: organizationName, size: z.int() })) }) });

export const auditHeads = rpc({
  subject: 'audit.v1.heads',
  request: z.object({}),
  reply: z.object({ heads: z.array(z.object({ organization: organizationName, size: z.int(), rootHash: z.string() })) }),
});

/** `index` is the entry's place in its organization's log, from 0; `body` the canonical text; `leafHash` lower-case hex. */
export const loggedEntry = z.object({ index: z.int(), body: z.string(), leafHash: z.string() });
export type LoggedEntry = z.infer<typeof loggedEntry>;

/** By cursor: entries from index `from`, in order, at most `limit` and 512 KiB of bodies. `size` is the log's size. */
export const auditEntries = rpc({
  subject: 'audit.v1.entries',
  request: z.object({ organization: organizationName, from: z.int().min(0), limit: z.int().min(1).max(2_000), since: z.string().optional().describe('ISO 8601; skip what is older') }),
  reply: z.object({ entries: z.array(loggedEntry), size: z.int(), next: z.int() }),
});

/** All entries of a call, by any of its entry ids or its call id. */
export const auditFind = rpc({
  subject: 'audit.v1.find',
  request: z.object({ id: z.string().max(64), organization: organizationName.optional() }),
  reply: z.object({ entries: z.array(loggedEntry.extend({ organization: organizationName })) }),
});

/** `note` is a C2SP signed-note checkpoint: origin, size, base64 root hash, signature lines. */
export const checkpoint = z.object({ size: z.int(), rootHash: z.string(), note: z.string(), at: z.string() });
export type Checkpoint = z.infer<typeof checkpoint>;
export const auditCheckpoints = rpc({
  subject: 'audit.v1.checkpoints',
  request: z.object({ organization: organizationName, afterSize: z.int().min(0), limit: z.int().min(1).max(1_000) }),
  reply: z.object({ checkpoints: z.array(checkpoint), verifierKey: z.string().describe('C2SP vkey: <name>+<key id>+<base64 key>') }),
});

export const auditStatus = rpc({ subject: 'audit.v1.status', request: z.object({}), reply: serviceStatus });
