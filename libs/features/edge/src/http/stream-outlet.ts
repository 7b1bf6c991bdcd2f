import type { FastifyReply } from 'fastify';
import type { Answer } from './answer.js';
import type { Outlet } from './outlet.js';

/**
 * The answer of a POST whose client reads it from another stream (HTTP+SSE, MCP 2024-11-05). The POST itself is answered with
 * 202 as soon as there is something to wait for; what is refused before is said on the POST.
 */
export class StreamOutlet implements Outlet {
  readonly readsEvents = true;
  private accepted = false;

  constructor(
    private readonly reply: FastifyReply,
    /** Puts one message on the client's stream. */
    private readonly tell: (json: string) => void,
    /** Whether the request has turned out to belong to such a stream. */
    private readonly hasStream: () => boolean,
    private readonly onGone: (action: () => void) => void,
  ) {}

  send(json: string): boolean {
    if (!this.hasStream()) return false;
    this.accept();
    this.tell(json);
    return true;
  }

  expectDelay(): void {
    if (this.hasStream()) this.accept();
  }

  whenGone(action: () => void): void {
    this.onGone(action);
  }

  /** The client can't come back: its stream is its session. */
  resumeIn(): void {}

  pause(): void {}

  finish({ http, body, headers }: Answer): void {
    if (!this.accepted && (http >= 400 || !this.hasStream())) {
      this.accepted = true;
      const reply = this.reply.code(http).headers(headers);
      void (body === undefined ? reply.send() : reply.header('content-type', 'application/json').send(body));
      return;
    }
    this.accept();
    if (body !== undefined) this.tell(body);
  }

  private accept(): void {
    if (this.accepted) return;
    this.accepted = true;
    void this.reply.code(202).send();
  }
}
