import type { FastifyReply } from 'fastify';
import type { Answer } from './answer.js';
import { atEndOfTurn } from './end-of-turn.js';
import { EventStream } from './event-stream.js';
import type { Outlet, StreamOpener } from './outlet.js';
import type { ResumableStream } from './resumable-stream.js';

/** An answer that takes longer becomes a stream that can be resumed, for clients that know how to. */
const RESUMABLE_AFTER_MS = 1_000;

/**
 * The answer of a POST on its own connection: plain JSON unless something has to be said before it; then, for a client that
 * reads event streams, it becomes one, with the answer as its last event.
 */
export class ReplyOutlet implements Outlet {
  /** The client went away before it had its answer. */
  private gone = false;
  private onGone: (() => void) | undefined;
  private stream: EventStream | undefined;
  private resumable: ResumableStream | undefined;
  /** Whose client may come back for the rest of a stream. */
  private session: string | undefined;
  private patience: NodeJS.Timeout | undefined;

  constructor(
    private readonly reply: FastifyReply,
    private readonly keepAliveMs: number,
    readonly readsEvents: boolean,
    private readonly streams: StreamOpener,
  ) {
    reply.raw.once('close', () => {
      clearTimeout(this.patience);
      if (reply.raw.writableFinished || this.resumable) return;
      this.leave();
    });
  }

  whenGone(action: () => void): void {
    this.onGone = action;
    if (this.gone) action();
  }

  resumeIn(session: string): void {
    this.session = session;
  }

  send(json: string): boolean {
    if (this.gone || !this.readsEvents) return false;
    const stream = this.begin();
    if (!this.resumable) return stream.send(json);
    this.resumable.send(json);
    return true;
  }

  expectDelay(): void {
    if (!this.readsEvents) return;
    // Once it is a stream, a client that may come back loses nothing with its connection: that begins sooner than comments are needed.
    const patienceMs = this.session === undefined ? this.keepAliveMs : Math.min(this.keepAliveMs, RESUMABLE_AFTER_MS);
    this.patience = setTimeout(() => {
      if (!this.gone) this.begin();
    }, patienceMs);
    this.patience.unref();
  }

  pause(): void {
    if (this.gone || !this.readsEvents || this.session === undefined) return;
    this.begin();
    this.resumable?.release();
  }

  finish(answer: Answer): void {
    clearTimeout(this.patience);
    if (this.resumable) return this.resumable.end(answer.body);
    if (this.stream) return this.stream.end(answer.body);
    if (this.gone) return void this.reply.hijack();
    if (answer.body === undefined) void this.reply.code(answer.http).headers(answer.headers).send();
    else this.write(answer.http, answer.headers, answer.body);
  }

  private leave(): void {
    this.gone = true;
    this.onGone?.();
  }

  /** What Fastify's `send` would write, without its way there; headers and body leave in one piece. A header that Node refuses is still Fastify's to answer. */
  private write(http: number, headers: Answer['headers'], body: string): void {
    const { raw } = this.reply;
    const bytes = Buffer.byteLength(body);
    raw.writeHead(http, { ...headers, 'content-type': 'application/json; charset=utf-8', 'content-length': bytes });
    this.reply.hijack();
    // ASCII is the same in both, and quicker without looking for more.
    atEndOfTurn(() => raw.end(body, bytes === body.length ? 'latin1' : 'utf8'));
  }

  private begin(): EventStream {
    if (this.stream) return this.stream;
    this.reply.hijack();
    this.stream = new EventStream(this.reply.raw, this.keepAliveMs);
    if (this.session !== undefined) {
      this.resumable = this.streams.openAnswer(this.session, this.stream);
      this.resumable.whenGivenUp(() => this.leave());
    }
    return this.stream;
  }
}
