import { z } from 'zod';
import { event, rpc } from './message.js';
import { upstreamReply } from './runner.js';

/**
 * Messages between edges. Whatever a client comes back to may be held open by another edge than the one it reaches: the
 * subject's suffix is then the instance that holds it.
 */

const requestId = z.union([z.string().max(1_024), z.int()]);

/**
 * A client goes on with a call that waits for its answers. `subject` and `binding` are what the sealed state was opened with.
 * The reply is the whole answer to the request `id`. Errors: `not_found` (no such flow, or no longer in that round).
 */
export const flowContinue = rpc({
  subject: 'edge.v1.flow-continue',
  request: z.object({
    flow: z.string().max(64),
    round: z.int(),
    subject: z.string().max(4_096),
    id: requestId,
    responses: z.record(z.string().max(256), z.record(z.string(), z.unknown())),
    /** Where progress and log messages go meanwhile: `flowEvent` to `edge`, under `relay`. */
    edge: z.string().max(128),
    relay: z.string().max(64),
    progressToken: requestId.optional(),
  }),
  reply: z.object({ http: z.int(), body: z.string() }),
  timeoutMs: 60_000,
});

/** What a server says on the side while a client waits at another edge. */
export const flowEvent = event({
  subject: 'edge.v1.flow-event',
  payload: z.object({ relay: z.string().max(64), method: z.string(), params: z.record(z.string(), z.unknown()) }),
});

/** The client that waited with `relay` went away before it had its answer: its call is cancelled. */
export const flowLeft = event({ subject: 'edge.v1.flow-left', payload: z.object({ flow: z.string().max(64), relay: z.string().max(64) }) });

/** A legacy client answered what it was asked on the stream of a request, which another edge holds. Dropped there when nothing waits for it. */
export const askAnswered = event({
  subject: 'edge.v1.ask-answered',
  payload: z.object({ ask: z.string().max(256), subject: z.string().max(4_096), session: z.string().max(64), reply: upstreamReply }),
});
