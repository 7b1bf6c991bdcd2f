import type { Exchange } from './exchange.js';
import type { LegacySession } from './legacy-sessions.js';

type OpenStream = (session: LegacySession, onMessage: () => void, onOpen: () => void) => Exchange;

const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 60_000;

/**
 * The optional GET stream of a legacy session, on which a server says that its lists changed. A server without one answers
 * 405 and is left alone; a stream that ends is opened again, ever more slowly while it brings nothing. A lost notification
 * costs time only: the registry asks again anyway.
 */
export class StreamListener {
  readonly #open: OpenStream;
  #exchange: Exchange | undefined;
  #retry: NodeJS.Timeout | undefined;
  #session: LegacySession | undefined;
  #delayMs = FIRST_RETRY_MS;

  constructor(open: OpenStream) {
    this.#open = open;
  }

  /** Listens on this session from now on, and on no older one. */
  listen(session: LegacySession): void {
    if (session === this.#session) return;
    this.close();
    this.#session = session;
    this.#delayMs = FIRST_RETRY_MS;
    void this.#run(session);
  }

  close(): void {
    this.#session = undefined;
    clearTimeout(this.#retry);
    this.#exchange?.abort();
    this.#exchange = undefined;
  }

  async #run(session: LegacySession): Promise<void> {
    let opened = false;
    const onMessage = (): void => void (this.#delayMs = FIRST_RETRY_MS);
    const exchange = this.#open(session, onMessage, () => (opened = true));
    this.#exchange = exchange;
    const answer = await exchange.answer;
    if (this.#session !== session) return;
    // Not offered, or the session is gone: the next call starts a new one and listens there.
    if (answer.kind === 'body' || (answer.kind === 'stream-end' && !opened)) return;
    this.#retry = setTimeout(() => void this.#run(session), this.#delayMs).unref();
    this.#delayMs = Math.min(this.#delayMs * 2, LAST_RETRY_MS);
  }
}
