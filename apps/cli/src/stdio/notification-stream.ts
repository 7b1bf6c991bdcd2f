import { pause, type EdgeLink } from './edge-link.js';
import type { LegacySession } from './legacy-session.js';
import { messagesOf } from './read-reply.js';

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 30_000;
/** A stream that lasted this long was a good one: the next attempt need not wait longer than the first. */
const GOOD_AFTER_MS = 10_000;

/** Holds the GET stream of a legacy session open, on which the gateway sends what belongs to no request. Ends with the signal, or when the gateway has no such stream. */
export async function followNotifications(link: EdgeLink, session: LegacySession, write: (line: string) => Promise<void>, signal: AbortSignal): Promise<void> {
  let wait = FIRST_WAIT_MS;
  while (!signal.aborted) {
    const began = Date.now();
    const sessionId = session.sessionId;
    try {
      const reply = await link.open(session.headers(), signal);
      if (reply.statusCode === 200) {
        for await (const { line } of messagesOf(reply)) await write(line);
      } else {
        await reply.body.dump();
        if (reply.statusCode === 404) await session.renew(sessionId, signal);
        // 405: this gateway has no stream of its own to offer (MCP 2025-11-25, transports).
        else if (reply.statusCode >= 400 && reply.statusCode < 500 && reply.statusCode !== 429) return;
      }
    } catch {
      // The connection was lost, or the gateway restarts: the next attempt tells.
    }
    if (Date.now() - began > GOOD_AFTER_MS) wait = FIRST_WAIT_MS;
    await pause(wait, signal);
    wait = Math.min(wait * 2, LONGEST_WAIT_MS);
  }
}
