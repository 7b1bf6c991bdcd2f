import type { FastifyRequest } from 'fastify';
import type { Answer } from './answer.js';
import type { Outlet } from './outlet.js';

/** SEP-1699. Revisions are dates: they compare as text. */
export const FIRST_PRIMED_VERSION = '2025-11-25';

/** One POST and its answer, with whatever is said before it. */
export class Exchange {
  readonly body: Buffer;
  readonly route: string | undefined;
  readonly address: string | undefined;
  private canResume = false;
  private release: (() => void) | undefined;

  constructor(
    private readonly incoming: Pick<FastifyRequest, 'headers' | 'body' | 'params' | 'raw'>,
    private readonly outlet: Outlet,
    /** Of an HTTP+SSE client, which names its session in the URL; its answers go to its stream. */
    readonly streamSession?: string,
    /** Told which session that is; the result is called when the answer is given. */
    private readonly onSession?: (id: string) => () => void,
  ) {
    this.body = Buffer.isBuffer(incoming.body) ? incoming.body : Buffer.alloc(0);
    this.route = (incoming.params as { readonly route?: string }).route;
    this.address = incoming.raw.socket.remoteAddress;
  }

  /** Whether the client can be told something ahead of the answer. */
  get readsEvents(): boolean {
    return this.outlet.readsEvents;
  }

  header(name: string): string | undefined {
    const value = this.incoming.headers[name];
    return Array.isArray(value) ? value.join(', ') : value;
  }

  /** The session that the client says it is in. */
  get sessionToken(): string | undefined {
    return this.streamSession ?? this.header('mcp-session-id');
  }

  /** What to do when the client goes away for good before it has its answer; only the latest is kept, and it runs at once when that has happened already. */
  whenGone(action: () => void): void {
    this.outlet.whenGone(action);
  }

  /** The request belongs to this session, which is in use until the answer is given. */
  inSession({ id, protocolVersion }: { readonly id: string; readonly protocolVersion: string }, release: () => void): void {
    const left = this.onSession?.(id);
    this.release = left ? () => (release(), left()) : release;
    // Older clients take the event without data, with which such a stream begins, for a fault.
    this.canResume = protocolVersion >= FIRST_PRIMED_VERSION && this.outlet.readsEvents;
    if (this.canResume) this.outlet.resumeIn(id);
  }

  /** A notification ahead of the answer; dropped for a client that reads no event streams. */
  notify(method: string, params: Readonly<Record<string, unknown>>): void {
    if (this.outlet.readsEvents) this.outlet.send(JSON.stringify({ jsonrpc: '2.0', method, params }));
  }

  /** A request to the client ahead of the answer, which it answers with a POST of its own. False when the client can't be told. */
  request(id: string, method: string, params: Readonly<Record<string, unknown>>): boolean {
    return this.outlet.send(JSON.stringify({ jsonrpc: '2.0', id, method, params }));
  }

  /** Any message ahead of the answer, as JSON text. False when the client can't be told. */
  send(json: string): boolean {
    return this.outlet.send(json);
  }

  /** From now on the answer may take long: after a while the connection is kept alive by a stream of comments. */
  expectDelay(): void {
    this.outlet.expectDelay();
  }

  get mayPause(): boolean {
    return this.canResume;
  }

  /** Has a client that can come back wait for the answer without a connection (SEP-1699). Nothing happens to any other. */
  pause(): void {
    this.outlet.pause();
  }

  finish(answer: Answer): void {
    try {
      this.outlet.finish(answer);
    } finally {
      this.release?.();
    }
  }
}
