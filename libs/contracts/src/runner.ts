import { z } from 'zod';
import { serverConfig } from './config.js';
import { serverDefinition } from './definition.js';
import { callId, organizationName, secretName, serverName } from './ids.js';
import { event, rpc } from './message.js';
import { serviceStatus } from './status.js';

/**
 * AES-256-GCM under a key derived for the organization (HKDF-SHA-256 of the secrets key); the additional data is
 * `<organization>|<name>|<keyVersion>`, so that a ciphertext can't be moved to another name. All parts base64url.
 */
export const sealedSecret = z.object({ keyVersion: z.int(), iv: z.string(), ciphertext: z.string(), tag: z.string() });
export type SealedSecret = z.infer<typeof sealedSecret>;

/** A JSON-RPC error object as the upstream sent it. */
export const jsonRpcError = z.object({ code: z.int(), message: z.string(), data: z.unknown().optional() });
export type JsonRpcErrorObject = z.infer<typeof jsonRpcError>;

/** How an upstream answered: its own result or its own error, both untouched. A failure to get an answer is a GatewayError instead. */
export const upstreamReply = z.union([z.object({ result: z.record(z.string(), z.unknown()) }), z.object({ error: jsonRpcError })]);
export type UpstreamReply = z.infer<typeof upstreamReply>;

/** What a server may ask the client of a call under way (MCP 2025-11-25, client features; 2026-07-28, patterns/mrtr). */
export const ASK_METHODS = ['elicitation/create', 'sampling/createMessage', 'roots/list'] as const;
export type AskMethod = (typeof ASK_METHODS)[number];

/** Longest time that one question to a client stays open. The call's own time stands still meanwhile. */
export const ASK_TIMEOUT_MS = 600_000;

/**
 * On whose behalf a call is made. `capabilities`: the ClientCapabilities to declare to the server, only what this caller can be
 * asked for and supports. `scope`: names the session or process that the call uses; callers of different scopes never share
 * one, and a server with asking callers has one for each. Empty: the one that all share, to which nothing is declared.
 */
export const upstreamClient = z.object({ capabilities: z.record(z.string(), z.unknown()), scope: z.string().max(256) });
export type UpstreamClient = z.infer<typeof upstreamClient>;

/**
 * One request to a stdio server. `method` and `params` are in the server's own names. `eventsTo` is the edge instance that
 * wants progress and log notifications of this call (see `callEvent`). `timeoutMs` is what is left of the call's time.
 * Errors: `upstream_failed` (did not start; nothing ran), `upstream_lost` (died in mid-call), `timeout`, `sandbox_unavailable`.
 */
export const runnerInvoke = rpc({
  subject: 'runner.v1.invoke',
  request: z.object({
    organization: organizationName,
    server: serverName,
    revision: z.int(),
    callId,
    method: z.string(),
    params: z.record(z.string(), z.unknown()),
    timeoutMs: z.number(),
    eventsTo: z.string().optional(),
    /** Absent: nobody who can be asked; the shared session. Questions come as `callAsk` to the instance in `eventsTo`. */
    client: upstreamClient.optional(),
  }),
  reply: upstreamReply,
  timeoutMs: 30_000,
});

/**
 * A server asks the client of a running call something; the subject's suffix is the edge instance that made the call. The
 * reply is the client's own. Errors: `not_found` (no such call), `cancelled`, `timeout`.
 */
export const callAsk = rpc({
  subject: 'edge.v1.call-ask',
  request: z.object({ callId, askId: z.string().max(64), method: z.enum(ASK_METHODS), params: z.record(z.string(), z.unknown()) }),
  reply: upstreamReply,
  timeoutMs: ASK_TIMEOUT_MS,
});

/** Nobody waits for the answer to a `callAsk` any more: the server took the question back. The subject's suffix is the edge instance. */
export const callAskWithdrawn = event({ subject: 'edge.v1.call-ask-withdrawn', payload: z.object({ callId, askId: z.string().max(64) }) });

/** An upstream said that a resource changed (`notifications/resources/updated`), in its own URI. Every edge hears it and tells those of its clients who watch it. */
export const resourceUpdated = event({
  subject: 'edge.v1.resource-updated',
  payload: z.object({ organization: organizationName, server: serverName, uri: z.string().max(4_096) }),
});

/** How often an edge repeats what it watches; a runner forgets what it has not heard for three times as long. */
export const RUNNER_WATCH_MS = 20_000;

/**
 * The resources of a stdio server, in its own URIs, that clients of this edge watch: the whole set, which replaces the one
 * before. Every runner hears it, has its processes of that server subscribe to them, and starts one where none runs; what
 * changes is told as `resourceUpdated`.
 */
export const runnerWatch = event({
  subject: 'runner.v1.watch',
  payload: z.object({ organization: organizationName, server: serverName, edge: z.string().max(128), uris: z.array(z.string().max(4_096)).max(1_024) }),
});

export const runnerCancel = event({ subject: 'runner.v1.cancel', payload: z.object({ callId, reason: z.string().max(512).optional() }) });

export const RUNNER_HEARTBEAT_MS = 1_500;
/**
 * What each runner has under way, every RUNNER_HEARTBEAT_MS while it has anything. An edge whose call is named by nobody for
 * several of these knows that its runner is gone, long before the call's own time is up.
 */
export const runnerHeartbeat = event({ subject: 'runner.v1.heartbeat', payload: z.object({ instance: z.string(), calls: z.array(callId).max(20_000) }) });

/** Progress and log notifications of a running call; the subject's suffix is the edge instance. */
export const callEvent = event({
  subject: 'edge.v1.call-event',
  payload: z.object({ callId, method: z.string(), params: z.record(z.string(), z.unknown()) }),
});

/** Starts a stdio server in its sandbox when it isn't running, and lists what it offers. */
export const runnerDiscover = rpc({
  subject: 'runner.v1.discover',
  request: z.object({ organization: organizationName, server: serverName, revision: z.int() }),
  reply: serverDefinition,
  timeoutMs: 45_000,
});

/** The same for an HTTP upstream, which the edge holds. The configuration comes along because the edge's snapshot may be older. */
export const edgeDiscover = rpc({
  subject: 'edge.v1.discover',
  request: z.object({ config: serverConfig, secrets: z.array(z.object({ name: secretName, version: z.int(), sealed: sealedSecret })) }),
  reply: serverDefinition,
  timeoutMs: 45_000,
});

/** Encrypts a value. The plaintext crosses the bus once and is stored by nobody. */
export const runnerSealSecret = rpc({
  subject: 'runner.v1.seal-secret',
  request: z.object({ organization: organizationName, name: secretName, value: z.string().min(1).max(65_536) }),
  reply: sealedSecret,
});

export const runnerStatus = rpc({ subject: 'runner.v1.status', request: z.object({}), reply: serviceStatus });
export const edgeStatus = rpc({ subject: 'edge.v1.status', request: z.object({}), reply: serviceStatus });
