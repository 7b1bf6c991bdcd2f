import { Inject, Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { GatewayError, streamTell } from '@mcpgw/contracts';
import { NO_CAPABILITIES } from '@mcpgw/core-mcp-wire';
import type { Bus, Subscription } from '@mcpgw/platform-bus';
import { BUS } from '@mcpgw/platform-runtime';
import { EDGE_CONFIG, type EdgeConfig } from '../edge.config.js';
import { EventStream } from '../http/event-stream.js';
import { Exchange } from '../http/exchange.js';
import { StreamOutlet } from '../http/stream-outlet.js';
import { fitting } from './fitting.js';
import { SessionNews, type NewsOwner } from './session-news.js';
import { Sessions } from './sessions.js';
import { StreamStore } from './stream-store.js';

const SSE_VERSION = '2024-11-05';
const INSTANCE = /^[A-Za-z0-9_-]{1,64}$/;

/** A POST of such a client: the session and the edge that has its stream, as our own URL says them. */
interface Query {
  readonly sessionId?: unknown;
  readonly edge?: unknown;
}

/**
 * The transport of MCP 2024-11-05 (HTTP+SSE): a GET opens the stream of a session and is told where to POST; every answer comes
 * on that stream, from whichever edge the POST reached. The session lives as long as the stream.
 */
@Injectable()
export class SseClients implements OnModuleInit, OnApplicationShutdown {
  private readonly streams = new Map<string, EventStream>();
  /** Of sessions with calls under way here: what to do when the client is gone. */
  private readonly calls = new Map<string, Set<() => void>>();
  private subscription: Subscription | undefined;

  constructor(
    @Inject(BUS) private readonly bus: Bus,
    @Inject(EDGE_CONFIG) private readonly config: EdgeConfig,
    private readonly sessions: Sessions,
    private readonly news: SessionNews,
    private readonly store: StreamStore,
  ) {
    sessions.listen({
      sessionEnded: (id) => {
        for (const leave of this.calls.get(id) ?? []) leave();
      },
      sessionChanged: () => undefined,
    });
  }

  onModuleInit(): void {
    const tell = async ({ session, json }: { readonly session: string; readonly json: string }): Promise<object> => {
      const stream = this.streams.get(session);
      if (!stream) throw new GatewayError('not_found', 'There is no such stream.');
      stream.send(json);
      return {};
    };
    this.subscription = this.bus.handle(streamTell, tell, { as: this.store.edge });
  }

  async onApplicationShutdown(): Promise<void> {
    await this.subscription?.close();
  }

  /** Opens the stream of a new session; false when there may be no more. */
  async open(request: FastifyRequest, reply: FastifyReply, subject: string, owner: Omit<NewsOwner, 'session'>): Promise<boolean> {
    const token = this.sessions.begin({ subject, protocolVersion: SSE_VERSION, clientName: undefined, capabilities: NO_CAPABILITIES });
    const session = token === undefined ? undefined : await this.sessions.open(token, subject);
    if (token === undefined || !session) return false;
    reply.hijack();
    const stream = new EventStream(reply.raw, this.config.keepAliveSeconds * 1_000);
    // The path as the client wrote it: behind a proxy with a prefix only the client knows its own.
    stream.named('endpoint', `${request.url.split('?')[0] ?? ''}?sessionId=${token}&edge=${this.store.edge}`);
    this.streams.set(session.id, stream);
    const stop = this.news.begin({ ...owner, session }, stream);
    stream.onClose(() => {
      this.streams.delete(session.id);
      stop();
      void this.sessions.end(session);
    });
    return true;
  }

  /** The exchange of a POST to the URL that we gave such a client; `undefined` for any other. */
  exchange(request: FastifyRequest, reply: FastifyReply): Exchange | undefined {
    const { sessionId, edge } = request.query as Query;
    if (typeof sessionId !== 'string' || typeof edge !== 'string' || !INSTANCE.test(edge)) return undefined;
    let session: string | undefined;
    let leave: (() => void) | undefined;
    const exchange: Exchange = new Exchange(
      request,
      new StreamOutlet(
        reply,
        (json) => this.tell(edge, session, json),
        () => session !== undefined,
        (action) => (leave = action),
      ),
      sessionId,
      (id) => {
        session = id;
        return this.track(id, () => leave?.());
      },
    );
    return exchange;
  }

  private track(session: string, leave: () => void): () => void {
    const own = this.calls.get(session) ?? new Set<() => void>();
    this.calls.set(session, own.add(leave));
    return () => {
      if (own.delete(leave) && own.size === 0 && this.calls.get(session) === own) this.calls.delete(session);
    };
  }

  /** What can't be told is dropped: the stream is gone, and with it the session. */
  private tell(edge: string, session: string | undefined, json: string): void {
    if (session === undefined) return;
    const local = edge === this.store.edge ? this.streams.get(session) : undefined;
    if (local) return void local.send(json);
    const text = fitting(json, this.bus.maxMessageBytes());
    if (text !== undefined) this.bus.request(streamTell, { session, json: text }, { to: edge }).catch(() => undefined);
  }
}
