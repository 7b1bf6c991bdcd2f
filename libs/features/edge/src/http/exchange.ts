import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Answer } from './answer.js';
import { EventStream } from './event-stream.js';

/**
 * One POST and its answer. The answer is plain JSON unless something has to be said before it: then, for a client that reads
 * event streams, it becomes one, with the answer as its last event.
 */
export class Exchange {
  readonly body: Buffer;
  readonly route: string | undefined;
  readonly address: string | undefined;
  /** The client went away before it had its answer. */
  private gone = false;
  private onGone: (() => void) | undefined;
  /** Whether the client accepts an event stream as the answer. */
  readonly readsEvents: boolean;
  private stream: EventStream | undefined;
  private patience: NodeJS.Timeout | undefined;

  constructor(
    private readonly request: FastifyRequest,
    private readonly reply: FastifyReply,
    private readonly keepAliveMs: number,
  ) {
    this.body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
    this.route = (request.params as { readonly route?: string }).route;
    this.address = request.raw.socket.remoteAddress;
    this.readsEvents = /text\/event-stream|\*\/\*/i.test(this.header('accept') ?? '');
    reply.raw.once('close', () => {
      clearTimeout(this.patience);
      if (reply.raw.writableFinished) return;
      this.gone = true;
      this.onGone?.();
    });
  }

  header(name: string): string | undefined {
    const value = this.request.headers[name];
    return Array.isArray(value) ? value.join(', ') : value;
  }

  /** What to do when the client goes away before it has its answer; only the latest is kept, and it runs at once when that has happened already. */
  whenGone(action: () => void): void {
    this.onGone = action;
    if (this.gone) action();
  }

  /** A notification ahead of the answer; dropped for a client that reads no event streams. */
  notify(method: string, params: Readonly<Record<string, unknown>>): void {
    if (this.gone || !this.readsEvents) return;
    this.begin().send(JSON.stringify({ jsonrpc: '2.0', method, params }));
  }

  /** From now on the answer may take long: after a while the connection is kept alive by a stream of comments. */
  expectDelay(): void {
    if (!this.readsEvents) return;
    this.patience = setTimeout(() => {
      if (!this.gone) this.begin();
    }, this.keepAliveMs);
    this.patience.unref();
  }

  finish(answer: Answer): void {
    clearTimeout(this.patience);
    if (this.stream) return this.stream.end(answer.body);
    if (this.gone) return void this.reply.hijack();
    if (answer.body === undefined) void this.reply.code(answer.http).headers(answer.headers).send();
    else this.write(answer.http, answer.headers, answer.body);
  }

  /** What Fastify's `send` would write, without its way there; headers and body leave in one piece. A header that Node refuses is still Fastify's to answer. */
  private write(http: number, headers: Answer['headers'], body: string): void {
    const { raw } = this.reply;
    const bytes = Buffer.byteLength(body);
    raw.writeHead(http, { ...headers, 'content-type': 'application/json; charset=utf-8', 'content-length': bytes });
    this.reply.hijack();
    // ASCII is the same in both, and quicker without looking for more.
    raw.end(body, bytes === body.length ? 'latin1' : 'utf8');
  }

  private begin(): EventStream {
    if (!this.stream) {
      this.reply.hijack();
      this.stream = new EventStream(this.reply.raw, this.keepAliveMs);
    }
    return this.stream;
  }
}
