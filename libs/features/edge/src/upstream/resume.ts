import type { CallDeadline } from './call-deadline.js';
import type { Answer, Exchange } from './exchange.js';

/** Waits between attempts: what the server asked for, within these. */
const DEFAULT_RETRY_MS = 1_000;
const MIN_RETRY_MS = 10;
const MAX_RETRY_MS = 60_000;
/** Attempts in a row that bring nothing new, after which the answer counts as lost. */
const MAX_VAIN_ATTEMPTS = 5;

/** How long to wait before a stream is opened again, as the server asked (MCP 2025-11-25, transports: `retry`). */
export function retryDelayMs(asked: number | undefined, otherwise: number = DEFAULT_RETRY_MS): number {
  return Math.min(Math.max(asked ?? otherwise, MIN_RETRY_MS), MAX_RETRY_MS);
}

/** Whether a response stream ended without the answer in a way that lets it be resumed. */
export function isResumable(answer: Answer, exchange: Exchange): boolean {
  return (answer.kind === 'stream-end' || answer.kind === 'lost') && exchange.lastEventId !== undefined;
}

/**
 * Goes on reading the answer of a request whose stream ended early: GET with Last-Event-ID, never the request again (MCP
 * 2025-11-25, transports, resumability; SEP-1699). Ends with the answer, or as the call's deadline or the server has it.
 */
export async function resume(broken: Exchange, brokenBy: Answer, deadline: CallDeadline, open: (lastEventId: string) => Exchange): Promise<Answer> {
  let exchange = broken;
  let lastEventId = broken.lastEventId ?? '';
  let retryMs = retryDelayMs(broken.retryMs);
  for (let vain = 0; vain < MAX_VAIN_ATTEMPTS; ) {
    if (!(await deadline.sleep(retryMs))) return { kind: 'aborted', sent: true };
    exchange = open(lastEventId);
    const current = exchange;
    deadline.onStop(() => current.abort());
    const answer = await exchange.answer;
    if (answer.kind === 'message') return answer;
    if (answer.kind === 'aborted') return { kind: 'aborted', sent: true };
    // Not offered, or the server has forgotten the stream: it had the request, and nobody will tell how it went.
    if (answer.kind !== 'stream-end' && answer.kind !== 'lost' && answer.kind !== 'not-sent') break;
    const isNews = exchange.lastEventId !== undefined && exchange.lastEventId !== lastEventId;
    vain = isNews ? 0 : vain + 1;
    lastEventId = exchange.lastEventId ?? lastEventId;
    retryMs = exchange.retryMs === undefined ? retryMs : retryDelayMs(exchange.retryMs);
  }
  return brokenBy;
}
