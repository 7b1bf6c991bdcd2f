import type { UpstreamReply } from '@mcpgw/contracts';
import { paramsForLegacy, type JsonObject } from '@mcpgw/core-mcp-wire';
import type { CallDeadline } from './call-deadline.js';
import type { HttpCall, HttpChannel } from './http-channel.js';
import { Inbox } from './inbox.js';
import { LegacyWatch } from './legacy-watch.js';
import type { LegacyLine, LegacyLineOptions } from './line.js';
import { readReply } from './reply.js';
import { SseStream, type Outcome } from './sse-stream.js';
import { refusedByStatus, stopped } from './upstream-faults.js';

const REOPEN_MS = 1_000;
const LAST_REOPEN_MS = 60_000;

/** A legacy server over HTTP+SSE, the transport of MCP 2024-11-05: the event stream is the session, opened again when it has ended. */
export class SseLine implements LegacyLine {
  readonly #channel: HttpChannel;
  readonly #capabilities: JsonObject;
  readonly #inbox: Inbox;
  readonly #watch: LegacyWatch;
  #stream: SseStream | undefined;
  #starting: Promise<SseStream> | undefined;
  #isWatching = false;
  #reopen: NodeJS.Timeout | undefined;
  #reopenMs = REOPEN_MS;
  #closed = false;

  constructor({ channel, capabilities, isShared, news }: LegacyLineOptions) {
    this.#channel = channel;
    this.#capabilities = capabilities;
    this.#inbox = new Inbox({ capabilities, isShared, news, send: async (message) => (await this.#stream?.send(message))?.kind !== 'not-sent' });
    this.#watch = new LegacyWatch(this, (uri) => news.onResourceUpdated(uri));
  }

  session(): Promise<SseStream> {
    return this.#stream?.isOpen === true ? Promise.resolve(this.#stream) : this.#start();
  }

  watch(uris: ReadonlySet<string>): void {
    this.#isWatching = uris.size > 0;
    this.#watch.set(uris);
  }

  async call(call: HttpCall, deadline: CallDeadline): Promise<UpstreamReply> {
    const params = paramsForLegacy(call.params);
    for (let attempt = 1; ; attempt += 1) {
      const stream = await deadline.race(this.session());
      if (stream === undefined || deadline.reason !== undefined) throw this.#stopped(deadline, call);
      const outcome = await this.#request(stream, call, params, deadline);
      if (outcome === undefined) throw this.#stopped(deadline, call);
      if (outcome.kind === 'answer') return readReply(this.#channel.culprit, outcome.received);
      if (outcome.kind === 'failed') throw outcome.error;
      // The server took nothing: it has most likely been started anew behind a proxy that kept our stream.
      if (attempt === 2 || (outcome.status !== 404 && outcome.status !== 400)) throw refusedByStatus(this.#channel.culprit, outcome.status, {});
      stream.retire();
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#reopen);
    this.#watch.close();
    this.#stream?.close();
  }

  async #request(stream: SseStream, call: HttpCall, params: JsonObject, deadline: CallDeadline): Promise<Outcome | undefined> {
    const id = this.#channel.nextId();
    const running = this.#inbox.begin(id, call, deadline);
    try {
      const outcome = await deadline.race(stream.request(call.method, params, id));
      if (outcome === undefined) {
        stream.forget(id);
        void stream.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: id, reason: deadline.reason === 'timeout' ? 'the time for this call is up' : 'the caller cancelled' } });
      }
      return outcome;
    } finally {
      this.#inbox.end(running);
    }
  }

  #start(): Promise<SseStream> {
    this.#starting ??= this.#open().finally(() => (this.#starting = undefined));
    return this.#starting;
  }

  async #open(): Promise<SseStream> {
    const stream = new SseStream(this.#channel, this.#capabilities, (message) => void this.#inbox.take(message), (ended) => this.#ended(ended));
    try {
      await stream.start();
    } catch (error) {
      stream.close();
      throw error;
    }
    if (this.#closed) stream.close();
    this.#stream = stream;
    this.#reopenMs = REOPEN_MS;
    this.#watch.renew();
    return stream;
  }

  /** Calls open it again by themselves; a watch must not wait for the next call. */
  #ended(stream: SseStream): void {
    if (stream !== this.#stream) return;
    this.#stream = undefined;
    if (this.#closed || !this.#isWatching) return;
    this.#reopen = setTimeout(() => this.#watch.renew(), this.#reopenMs).unref();
    this.#reopenMs = Math.min(this.#reopenMs * 2, LAST_REOPEN_MS);
  }

  #stopped(deadline: CallDeadline, call: HttpCall): Error {
    return stopped(this.#channel.culprit, deadline.reason ?? 'cancelled', call.timeoutMs);
  }
}
