import { z } from 'zod';
import { event, rpc } from './message.js';

/**
 * What edges tell each other of legacy sessions, so that any of them serves any session. A session itself is a sealed token;
 * these are its soft state (what the client set since) and the way to a stream that another edge holds.
 */
const instance = z.string().max(128);
const sessionId = z.string().max(64);

/** Most URIs that one session may be subscribed to, and most characters of them all: an idle session takes 10 KB at most. */
export const MAX_SESSION_URIS = 256;
export const MAX_SESSION_URI_CHARACTERS = 6_144;

export const sessionState = z.object({
  id: sessionId,
  /** Whose it is, as the edge writes it: bounds are counted by it. */
  subject: z.string().max(4_096),
  usedAtMs: z.number(),
  logLevel: z.string().max(16).optional(),
  /** As its client names them, each with the route by which it did; the empty one is `/mcp`. */
  watched: z.array(z.object({ route: z.string().max(128), uri: z.string().max(4_096) })).max(MAX_SESSION_URIS),
  /** For clients of the HTTP+SSE transport (2024-11-05), whose `initialize` comes after their session. */
  client: z.object({ protocolVersion: z.string().max(64), name: z.string().max(128).optional(), capabilities: z.record(z.string(), z.unknown()) }).optional(),
});
export type SessionState = z.infer<typeof sessionState>;

/** A session as it is now: every edge keeps it. Sent when it begins and to who asked for it (`to` its instance). */
export const sessionKnown = event({ subject: 'edge.v1.session-known', payload: z.object({ edge: instance, session: sessionState }) });

/** One change of a session that the others know already; who doesn't asks when it needs it. */
export const sessionChanged = event({
  subject: 'edge.v1.session-changed',
  payload: z.object({
    edge: instance,
    id: sessionId,
    usedAtMs: z.number(),
    logLevel: z.string().max(16).optional(),
    watch: z.object({ route: z.string().max(128), uri: z.string().max(4_096) }).optional(),
    unwatch: z.object({ route: z.string().max(128), uri: z.string().max(4_096) }).optional(),
    client: sessionState.shape.client,
    /** Wanted back as `sessionHeard`: the client may send its next request to any edge as soon as it has its answer. */
    heard: z.string().max(64).optional(),
  }),
});

/** This edge acts on a change by now; the suffix is the edge that made it. */
export const sessionHeard = event({ subject: 'edge.v1.session-heard', payload: z.object({ edge: instance, heard: z.string().max(64) }) });

/** An edge is there: said to all when it starts or is back on the bus, and to each (`to` its instance) that says so. */
export const edgeHello = event({ subject: 'edge.v1.hello', payload: z.object({ edge: instance }) });

/**
 * Sessions that are over. `ended` by their client or by time: final. `crowded` out by newer ones: an edge where such a session
 * has something open keeps it and says so with `sessionKnown`.
 */
export const sessionsEnded = event({ subject: 'edge.v1.sessions-ended', payload: z.object({ edge: instance, ids: z.array(sessionId).max(1_000), why: z.enum(['ended', 'crowded']), heard: z.string().max(64).optional() }) });

/** Who knows this session? Answered by `sessionKnown` or `sessionsEnded` to the asking instance, or by nobody. */
export const sessionWanted = event({ subject: 'edge.v1.session-wanted', payload: z.object({ edge: instance, id: sessionId }) });

/**
 * A client comes back for an event stream that another edge holds; the subject's suffix is that edge. The reply holds what
 * the client has missed since event `after`. `following`: more will come as `streamEvent` to `edge`, which says every few
 * seconds with the same request that its client is still there. `over`: that was all of it. `yours`: the stream is given up
 * and goes on where the client is now. Error `not_found`: no such stream of this session.
 */
export const streamTake = rpc({
  subject: 'edge.v1.stream-take',
  request: z.object({ edge: instance, stream: z.string().max(64), session: sessionId, after: z.int().min(0) }),
  reply: z.object({ events: z.array(z.object({ number: z.int(), json: z.string() })), state: z.enum(['following', 'over', 'yours']) }),
});

/** One event of a stream that was taken over; without `json` it only ends the stream. The suffix is the edge that has the client. */
export const streamEvent = event({ subject: 'edge.v1.stream-event', payload: z.object({ stream: z.string().max(64), number: z.int(), json: z.string().optional(), last: z.boolean() }) });

/** The client of a taken stream is gone again; the suffix is the edge that holds the stream. */
export const streamLeft = event({ subject: 'edge.v1.stream-left', payload: z.object({ edge: instance, stream: z.string().max(64) }) });

/** One message for the event stream of an HTTP+SSE client; the suffix is the edge that holds it. Error `not_found`: the stream is gone. */
export const streamTell = rpc({ subject: 'edge.v1.stream-tell', request: z.object({ session: sessionId, json: z.string() }), reply: z.object({}) });

/** A legacy client cancels a request of its own, named as the edges name it (owner, session and id): whichever edge has it under way stops it. */
export const requestCancelled = event({ subject: 'edge.v1.request-cancelled', payload: z.object({ request: z.string().max(8_192) }) });
