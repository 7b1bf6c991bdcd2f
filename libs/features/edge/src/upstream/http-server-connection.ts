import type { ToolDefinition, UpstreamReply } from '@mcpgw/contracts';
import { HEADER_MISMATCH, MISSING_CLIENT_CAPABILITY, UNSUPPORTED_PROTOCOL_VERSION, type Handshake } from '@mcpgw/core-mcp-wire';
import { CallDeadline } from './call-deadline.js';
import { HttpChannel, type ChannelOptions, type HttpCall } from './http-channel.js';
import type { ServerNews } from './inbox.js';
import type { LegacyLine, LegacyLineOptions, Line } from './line.js';
import { ModernLine } from './modern-line.js';
import type { TaskListeners } from './modern-listen.js';
import { ScopedLines } from './scoped-lines.js';
import { SseLine } from './sse-line.js';
import { StreamableLine } from './streamable-line.js';
import { busy, UpstreamRefusal, type Culprit } from './upstream-faults.js';

export interface ConnectionOptions extends ChannelOptions {
  readonly news: ServerNews;
  /** Keep a stream open to hear of what concerns no call. Not for a connection that lives for one discovery. */
  readonly listen: boolean;
}

/** A server that seems to have changed its era is discovered anew at most so often, however many of its calls fail. */
const ERA_HINT_MS = 10_000;

/**
 * One HTTP server with one set of headers, in the era and transport that it was found to speak. A legacy server's callers share a
 * session (no caller's identity goes upstream, so there is nothing to keep apart) unless they can be asked something or the
 * server's configuration says otherwise: those have sessions of their own.
 */
export class HttpServerConnection {
  readonly #options: ConnectionOptions;
  readonly #channel: HttpChannel;
  readonly #line: Line;
  readonly #modern: ModernLine | undefined;
  readonly #legacy: LegacyLine | undefined;
  readonly #scoped: ScopedLines | undefined;
  #pending = 0;
  #closed = false;
  #onIdle: (() => void) | undefined;
  #eraHintMs = -ERA_HINT_MS;
  #watched: ReadonlySet<string> = new Set();
  #tasks: TaskListeners = new Map();
  #attended = false;
  lastUsedMs = performance.now();

  constructor(options: ConnectionOptions) {
    this.#options = options;
    const channel = new HttpChannel(options);
    this.#channel = channel;
    const { target, news, listen } = options;
    if (target.era === 'modern') {
      this.#modern = new ModernLine({ channel, news, tools: target.tools ?? [], capabilities: target.capabilities, listen });
      this.#line = this.#modern;
      return;
    }
    const line = (rest: Pick<LegacyLineOptions, 'capabilities' | 'isShared' | 'news'>): LegacyLine => new (target.transport === 'sse' ? SseLine : StreamableLine)({ channel, listen, ...rest });
    this.#legacy = line({ capabilities: {}, isShared: true, news });
    this.#line = this.#legacy;
    // Only the shared session is subscribed to anything.
    const scopedNews: ServerNews = { onListChanged: news.onListChanged, onResourceUpdated: () => undefined };
    this.#scoped = new ScopedLines((capabilities) => line({ capabilities, isShared: false, news: scopedNews }), options.limits);
  }

  get culprit(): Culprit {
    return this.#channel.culprit;
  }

  /** Lists, resources or tasks are watched: not to be closed for idleness. */
  get isWatching(): boolean {
    return this.#attended || this.#watched.size > 0 || this.#tasks.size > 0;
  }

  get pending(): number {
    return this.#pending;
  }

  /** The server's tools have been discovered anew; nothing else of the target has changed. */
  set tools(tools: readonly ToolDefinition[]) {
    if (this.#modern !== undefined) this.#modern.tools = tools;
  }

  /** One call in the era of the target. Rejects as UpstreamPort says. A `discovery` finds out the era: it needs no hint of it. */
  async call(call: HttpCall, signal?: AbortSignal, purpose?: 'discovery'): Promise<UpstreamReply> {
    if (this.#pending >= this.#options.limits.maxPendingPerServer) throw busy(this.culprit, this.#pending);
    this.#pending += 1;
    this.lastUsedMs = performance.now();
    const deadline = new CallDeadline(call.timeoutMs, signal);
    try {
      const reply = await this.#dispatch(call, deadline);
      if ('error' in reply && purpose === undefined) this.#judgeEra(undefined, reply.error.code);
      return reply;
    } catch (error) {
      if (error instanceof UpstreamRefusal && purpose === undefined) this.#judgeEra(error.status, error.rpcCode);
      throw error;
    } finally {
      deadline.dispose();
      this.#pending -= 1;
      this.lastUsedMs = performance.now();
      if (this.#pending === 0) this.#onIdle?.();
    }
  }

  /** Shakes hands with a legacy server unless that is done. */
  async handshake(): Promise<Handshake> {
    if (this.#legacy === undefined) throw new Error('a modern server has no handshake');
    return (await this.#legacy.session()).handshake;
  }

  /** Somebody wants to hear of changed lists: the stream for them is open whether calls are made or not. Say it again from time to time. */
  attend(wanted: boolean): void {
    this.#attended = wanted;
    // A server that is away is found out by its calls.
    if (wanted && !this.#closed) this.#legacy?.session().catch(() => undefined);
  }

  /** Has the server tell of these resources, and of no others. Give the same set while nothing changed. */
  watch(uris: ReadonlySet<string>): void {
    if (this.#closed || uris === this.#watched || (uris.size === 0 && this.#watched.size === 0)) return;
    this.#watched = uris;
    this.#line.watch(uris);
  }

  /** Has a modern server tell of these tasks, and of no others. Give the same map while nothing changed. */
  watchTasks(tasks: TaskListeners): void {
    if (this.#modern === undefined || this.#closed || tasks === this.#tasks || (tasks.size === 0 && this.#tasks.size === 0)) return;
    this.#tasks = tasks;
    this.#modern.watchTasks(tasks);
  }

  /** Ends the sessions of callers that have been away for long. */
  sweep(now: number): void {
    this.#scoped?.sweep(now);
  }

  /** Ends the sessions and gives the connections back: when the calls under way are answered, or `now`. */
  async close(when: 'idle' | 'now'): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    // Each call has a deadline, so this ends.
    if (when === 'idle' && this.#pending > 0) await new Promise<void>((resolve) => (this.#onIdle = resolve));
    await Promise.all([this.#line.close(), this.#scoped?.close()]);
    this.#channel.release();
  }

  #dispatch(call: HttpCall, deadline: CallDeadline): Promise<UpstreamReply> {
    const { client } = call;
    if (client === undefined || client.scope === '' || this.#scoped === undefined) return this.#line.call(call, deadline);
    return this.#scoped.call(client, call, deadline) ?? this.#line.call(call, deadline);
  }

  /** A server that was replaced by one of the other era refuses what it gets in the words of that era, before anything runs. */
  #judgeEra(status: number | undefined, code: number | undefined): void {
    const isModernWord = code === HEADER_MISMATCH || code === MISSING_CLIENT_CAPABILITY || code === UNSUPPORTED_PROTOCOL_VERSION;
    const isStrange = this.#options.target.era === 'modern' ? code === UNSUPPORTED_PROTOCOL_VERSION || (!isModernWord && isRefusedRequest(status)) : isModernWord || isRefusedRequest(status);
    if (!isStrange) return;
    const now = performance.now();
    if (now - this.#eraHintMs < ERA_HINT_MS) return;
    this.#eraHintMs = now;
    this.#options.news.onListChanged();
  }
}

function isRefusedRequest(status: number | undefined): boolean {
  return status === 400 || status === 404 || status === 405;
}
