import type { UpstreamReply } from '@mcpgw/contracts';
import { outgoingRequest, paramsForLegacy, type JsonObject } from '@mcpgw/core-mcp-wire';
import type { CallDeadline } from './call-deadline.js';
import type { Exchange } from './exchange.js';
import type { HttpCall, HttpChannel } from './http-channel.js';
import { Inbox, type ServerNews } from './inbox.js';
import { LegacySessions, type LegacySession } from './legacy-sessions.js';
import { LegacyWatch } from './legacy-watch.js';
import type { LegacyLine, LegacyLineOptions } from './line.js';
import { isSessionExpired, readReply, type Received } from './reply.js';
import { isResumable, resume } from './resume.js';
import type { RunningCall } from './running-call.js';
import { StreamListener } from './stream-listener.js';
import { refusedByStatus, stopped } from './upstream-faults.js';

/**
 * A session with a legacy server over Streamable HTTP, of everybody or of one caller. A session that the server has forgotten
 * is replaced without the caller noticing; a call that may have run is never sent again.
 */
export class StreamableLine implements LegacyLine {
  readonly #channel: HttpChannel;
  readonly #listens: boolean;
  readonly #isShared: boolean;
  readonly #news: ServerNews;
  readonly #sessions: LegacySessions;
  readonly #inbox: Inbox;
  readonly #listener: StreamListener;
  readonly #watch: LegacyWatch;
  #closed = false;

  constructor({ channel, capabilities, isShared, news, listen }: LegacyLineOptions) {
    this.#channel = channel;
    this.#listens = listen;
    this.#isShared = isShared;
    this.#news = news;
    this.#sessions = new LegacySessions(channel, capabilities);
    this.#inbox = new Inbox({ capabilities, isShared, news, send: (message) => this.#answer(message) });
    this.#listener = new StreamListener({
      open: (session, lastEventId, onMessage, onOpen) => this.#openStream(session, lastEventId, onMessage, onOpen),
      onGone: (session) => this.#gone(session),
    });
    this.#watch = new LegacyWatch(this, (uri) => news.onResourceUpdated(uri));
  }

  /** Starts the session, or returns the one there is. */
  session(): Promise<LegacySession> {
    return this.#sessions.current ? Promise.resolve(this.#sessions.current) : this.#startSession();
  }

  watch(uris: ReadonlySet<string>): void {
    this.#watch.set(uris);
  }

  async call(call: HttpCall, deadline: CallDeadline): Promise<UpstreamReply> {
    const params = paramsForLegacy(call.params);
    for (let attempt = 1; ; attempt += 1) {
      const session = this.#sessions.current ?? (await deadline.race(this.#startSession()));
      if (session === undefined || deadline.reason !== undefined) throw this.#stopped(deadline, call);
      const received = await this.#post(call, params, deadline, session);
      if (session.id === undefined || !isSessionExpired(received)) return readReply(this.#channel.culprit, received);
      // The one case in which a request is sent again: the server said that it knows no such session, so nothing ran.
      this.#sessions.drop(session);
      if (attempt === 2) throw refusedByStatus(this.#channel.culprit, received.answer.status, {});
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#listener.close();
    this.#watch.close();
    const session = this.#sessions.current;
    if (session?.id !== undefined) await this.#channel.end(session.headers);
  }

  async #startSession(): Promise<LegacySession> {
    const session = await this.#sessions.start();
    if (this.#closed) return session;
    this.#watch.renew();
    const isListening = this.#listens ? this.#listener.listen(session) : undefined;
    // A server that asks on this stream before we read it asks nobody. On the shared session it has nothing to ask.
    if (!this.#isShared) await isListening;
    return session;
  }

  async #post(call: HttpCall, params: JsonObject, deadline: CallDeadline, session: LegacySession): Promise<Received> {
    const channel = this.#channel;
    const id = channel.nextId();
    const running = this.#inbox.begin(id, call, deadline);
    try {
      const onEvent = (message: unknown): boolean => this.#inbox.take(message, running);
      const exchange = channel.post(session.headers, JSON.stringify(outgoingRequest(id, call.method, params)), onEvent, call.onAsk !== undefined);
      deadline.onStop(() => exchange.abort());
      let answer = await exchange.answer;
      if (answer.kind === 'stream-end' && isResumable(answer, exchange)) call.onPause?.();
      if (isResumable(answer, exchange)) answer = await resume(exchange, answer, deadline, (lastEventId) => this.#resumed(session, lastEventId, running));
      if (answer.kind === 'aborted') {
        if (answer.sent) this.#cancel(id, session, deadline.reason);
        throw this.#stopped(deadline, call);
      }
      return { id, answer: channel.received(answer) };
    } finally {
      this.#inbox.end(running);
    }
  }

  #stopped(deadline: CallDeadline, call: HttpCall): Error {
    return stopped(this.#channel.culprit, deadline.reason ?? 'cancelled', call.timeoutMs);
  }

  #cancel(requestId: number, session: LegacySession, reason: CallDeadline['reason']): void {
    const params = { requestId, reason: reason === 'timeout' ? 'the time for this call is up' : 'the caller cancelled' };
    void this.#channel.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params }, session.headers);
  }

  async #answer(message: object): Promise<boolean> {
    const session = this.#sessions.current;
    return session === undefined || (await this.#channel.send(message, session.headers)).kind !== 'not-sent';
  }

  #resumed(session: LegacySession, lastEventId: string, running: RunningCall): Exchange {
    return this.#channel.stream({ ...session.headers, 'last-event-id': lastEventId }, { onEvent: (message) => this.#inbox.take(message, running) });
  }

  #openStream(session: LegacySession, lastEventId: string | undefined, onMessage: () => void, onOpen: () => void): Exchange {
    const onEvent = (message: unknown): boolean => {
      onMessage();
      return this.#inbox.take(message);
    };
    const opened = (): void => {
      // What changed while nobody read, since the server's discovery at first, is not told on a stream that begins anew.
      if (this.#isShared && lastEventId === undefined) this.#news.onListChanged();
      onOpen();
    };
    return this.#channel.stream(lastEventId === undefined ? session.headers : { ...session.headers, 'last-event-id': lastEventId }, { standing: true, onOpen: opened, onEvent });
  }

  /** Without a watch the next call finds out by itself. */
  #gone(session: LegacySession): void {
    this.#sessions.drop(session);
    this.#watch.renew();
  }
}
