import { pause, type EdgeLink } from './edge-link.js';
import type { LegacySession } from './legacy-session.js';
import { messagesOf, type StreamPlace } from './read-reply.js';

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 30_000;
/** A stream that lasted this long was a good one: the next attempt need not wait longer than the first. */
const GOOD_AFTER_MS = 10_000;

/**
 * Holds the GET stream of a legacy session open, on which the gateway sends what belongs to no request, and takes it up where
 * it broke. Ends with the signal, or when the gateway has no such stream.
 */
export async function followNotifications(link: EdgeLink, session: LegacySession, write: (line: string) => Promise<void>, signal: AbortSignal): Promise<void> {
  let wait = FIRST_WAIT_MS;
  let place: StreamPlace = {};
  let placeOf = session.sessionId;
  while (!signal.aborted) {
    const began = Date.now();
    const sessionId = session.sessionId;
    // Another session has other streams.
    if (sessionId !== placeOf) [place, placeOf] = [{}, sessionId];
    const from = place.lastEventId;
    try {
      const reply = await link.open({ ...session.headers(), ...(from === undefined ? {} : { 'last-event-id': from }) }, signal);
      if (reply.statusCode === 200) {
        for await (const { line } of messagesOf(reply, place)) await write(line);
      } else {
        await reply.body.dump();
        if (reply.statusCode === 404) await session.renew(sessionId, signal);
        // What can't be taken up again is begun anew.
        else if (from !== undefined && isRefusal(reply.statusCode)) place = {};
        // 405: this gateway has no stream of its own to offer (MCP 2025-11-25, transports).
        else if (isRefusal(reply.statusCode)) return;
      }
    } catch {
      // The connection was lost, or the gateway restarts: the next attempt tells.
    }
    if (Date.now() - began > GOOD_AFTER_MS) wait = FIRST_WAIT_MS;
    await pause(Math.min(place.retryMs ?? wait, LONGEST_WAIT_MS), signal);
    wait = Math.min(wait * 2, LONGEST_WAIT_MS);
  }
}

/** 401 is none: the next request looks for a new key. */
function isRefusal(status: number): boolean {
  return status >= 400 && status < 500 && status !== 401 && status !== 429;
}
