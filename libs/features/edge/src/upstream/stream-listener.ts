import type { Exchange } from './exchange.js';
import type { LegacySession } from './legacy-sessions.js';
import { retryDelayMs } from './resume.js';

export interface ListenerHost {
  readonly open: (session: LegacySession, lastEventId: string | undefined, onMessage: () => void, onOpen: () => void) => Exchange;
  /** The server knows the session no longer. Called only when the stream had been there before. */
  readonly onGone: (session: LegacySession) => void;
}

const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 60_000;
/** Some servers send nothing, not even headers, before there is something to say. */
const READY_MS = 250;

/**
 * The optional GET stream of a legacy session, on which a server says that its lists changed, and asks. A server without one
 * answers 405 and is left alone; a stream that ends is resumed, ever more slowly while it brings nothing, unless the server
 * says when. A lost notification costs time only: the registry asks again anyway.
 */
export class StreamListener {
  readonly #host: ListenerHost;
  #exchange: Exchange | undefined;
  #retry: NodeJS.Timeout | undefined;
  #session: LegacySession | undefined;
  #lastEventId: string | undefined;
  #opened = false;
  #delayMs = FIRST_RETRY_MS;
  #ready = Promise.resolve();
  #onReady: () => void = () => undefined;

  constructor(host: ListenerHost) {
    this.#host = host;
  }

  /** Listens on this session from now on, and on no older one. Resolves once the stream is there, or is known not to be, or is slow. */
  listen(session: LegacySession): Promise<void> {
    if (session === this.#session) return this.#ready;
    this.close();
    this.#session = session;
    this.#lastEventId = undefined;
    this.#opened = false;
    this.#delayMs = FIRST_RETRY_MS;
    this.#ready = new Promise((resolve) => {
      const timer = setTimeout(resolve, READY_MS);
      this.#onReady = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    void this.#run(session);
    return this.#ready;
  }

  close(): void {
    this.#session = undefined;
    clearTimeout(this.#retry);
    this.#exchange?.abort();
    this.#exchange = undefined;
  }

  async #run(session: LegacySession): Promise<void> {
    const onMessage = (): void => void (this.#delayMs = FIRST_RETRY_MS);
    const exchange = this.#host.open(session, this.#lastEventId, onMessage, () => {
      this.#opened = true;
      this.#onReady();
    });
    this.#exchange = exchange;
    const answer = await exchange.answer;
    this.#onReady();
    if (this.#session !== session) return;
    // Not offered: the next session is asked anew.
    if (answer.kind === 'body' && !this.#opened) return;
    if (answer.kind === 'body' && (answer.status === 404 || answer.status === 400)) {
      this.close();
      return this.#host.onGone(session);
    }
    this.#lastEventId = exchange.lastEventId ?? this.#lastEventId;
    this.#retry = setTimeout(() => void this.#run(session), retryDelayMs(exchange.retryMs, this.#delayMs)).unref();
    this.#delayMs = Math.min(this.#delayMs * 2, LAST_RETRY_MS);
  }
}
