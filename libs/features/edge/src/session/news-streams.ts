import { Inject, Injectable } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { EDGE_CONFIG, type EdgeConfig } from '../edge.config.js';
import { EventStream } from '../http/event-stream.js';
import { FIRST_PRIMED_VERSION } from '../http/exchange.js';
import type { ResumableStream, StreamEvent } from '../http/resumable-stream.js';
import { SessionNews, type NewsOwner, type NewsStream } from './session-news.js';
import { RETRY_MS, StreamStore } from './stream-store.js';
import { TakenStreams } from './taken-streams.js';

/** The GET streams of sessions: new ones, and those that a client comes back to, be it to news or to the answer of a request. */
@Injectable()
export class NewsStreams {
  private readonly keepAliveMs: number;

  constructor(
    @Inject(EDGE_CONFIG) config: EdgeConfig,
    private readonly store: StreamStore,
    private readonly taken: TakenStreams,
    private readonly news: SessionNews,
  ) {
    this.keepAliveMs = config.keepAliveSeconds * 1_000;
  }

  /** False, and nothing answered, when `lastEventId` is no event of this session. One that is forgotten is as good as none. */
  async open(reply: FastifyReply, owner: NewsOwner, token: string, lastEventId: string | undefined): Promise<boolean> {
    const connect = (): EventStream => this.connect(reply, token);
    if (lastEventId === undefined || lastEventId === '') return this.begin(owner, connect(), []);
    const { id } = owner.session;
    const place = this.store.place(lastEventId, id);
    if (!place) return false;
    if (place.edge === this.store.edge) {
      const found = this.store.find(place.stream, id);
      if (!found) return this.begin(owner, connect(), []);
      this.store.connect(found.stream, connect(), place.after);
      return true;
    }
    const taken = await this.taken.take(place, id);
    switch (taken.state) {
      case 'following':
        taken.follow(connect());
        return true;
      case 'over':
        return this.finish(place.edge, { id: place.stream, session: id }, connect(), taken.events);
      case 'yours':
        return this.begin(owner, connect(), taken.events);
      case 'lost':
        return this.begin(owner, connect(), []);
    }
  }

  private connect(reply: FastifyReply, token: string): EventStream {
    reply.hijack();
    return new EventStream(reply.raw, this.keepAliveMs, { 'mcp-session-id': token });
  }

  /** The rest of an answer, and nothing more. */
  private finish(edge: string, stream: { readonly id: string; readonly session: string }, connection: EventStream, events: readonly StreamEvent[]): true {
    for (const { number, json } of events) if (json !== '') connection.send(json, this.store.eventId(stream, number, edge));
    connection.end();
    return true;
  }

  /** `missed`: of the stream that this one follows. */
  private begin(owner: NewsOwner, connection: EventStream, missed: readonly StreamEvent[]): true {
    const { session } = owner;
    const stream = this.store.open(session.id, 'news');
    const isPrimed = session.protocolVersion >= FIRST_PRIMED_VERSION;
    if (isPrimed) connection.prime(this.store.eventId(stream, 0), RETRY_MS);
    else connection.retry(RETRY_MS);
    this.store.connect(stream, connection, 0);
    for (const { json } of missed) stream.send(json);
    stream.whenGivenUp(this.news.begin(owner, new NewsOf(stream)));
    return true;
  }
}

class NewsOf implements NewsStream {
  constructor(private readonly stream: ResumableStream) {}

  get waiting(): boolean {
    return this.stream.waiting;
  }

  send(json: string): void {
    this.stream.send(json);
  }

  end(): void {
    this.stream.giveUp();
  }
}
