import { Inject, Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { GatewayError, streamEvent, streamLeft, streamTake } from '@mcpgw/contracts';
import type { Bus, Subscription } from '@mcpgw/platform-bus';
import { BUS } from '@mcpgw/platform-runtime';
import type { EventStream } from '../http/event-stream.js';
import type { ResumableStream, StreamEvent, StreamSink } from '../http/resumable-stream.js';
import { fitting, fittingEvents } from './fitting.js';
import { StreamStore, type EventPlace } from './stream-store.js';

const RENEW_MS = 5_000;
/** An edge that has not said for this long that its client is still there is gone, and its client with it. */
const LEASE_MS = 20_000;

/** What became of a stream that its client came back for. */
export type Taken = { readonly state: 'lost' } | { readonly state: 'over' | 'yours'; readonly events: readonly StreamEvent[] } | { readonly state: 'following'; follow(connection: EventStream): void };

/** Streams that one edge holds and another has the client of: what comes is sent over the bus, and asked for again when it got lost. */
@Injectable()
export class TakenStreams implements OnModuleInit, OnApplicationShutdown {
  private subscriptions: readonly Subscription[] = [];
  /** Held elsewhere, the client is here. */
  private readonly followed = new Map<string, Followed>();
  /** Held here, the client is elsewhere. */
  private readonly lent = new Map<string, Lent>();

  constructor(
    @Inject(BUS) private readonly bus: Bus,
    private readonly store: StreamStore,
  ) {}

  onModuleInit(): void {
    const as = this.store.edge;
    this.subscriptions = [
      this.bus.handle(streamTake, async ({ edge, stream, session, after }) => this.give(edge, stream, session, after), { as }),
      this.bus.subscribe(streamEvent, ({ stream, number, json, last }) => this.followed.get(stream)?.receive(json === undefined ? undefined : { number, json }, last), { as }),
      this.bus.subscribe(streamLeft, ({ edge, stream }) => this.takeBack(edge, stream), { as }),
    ];
  }

  async onApplicationShutdown(): Promise<void> {
    for (const followed of this.followed.values()) followed.end();
    await Promise.all(this.subscriptions.map((subscription) => subscription.close()));
  }

  /** Asks the edge that holds a stream for it. */
  async take(place: EventPlace, session: string): Promise<Taken> {
    const reply = await this.ask(place, session).catch((error: unknown) => {
      if (error instanceof GatewayError && ['not_found', 'unavailable', 'timeout', 'connection_lost'].includes(error.code)) return undefined;
      throw error;
    });
    if (!reply) return { state: 'lost' };
    const { state, events } = reply;
    return state === 'following' ? { state, follow: (connection) => this.follow(place, session, events, connection) } : { state, events };
  }

  private ask({ edge, stream, after }: EventPlace, session: string) {
    return this.bus.request(streamTake, { edge: this.store.edge, stream, session, after }, { to: edge });
  }

  private follow(place: EventPlace, session: string, events: readonly StreamEvent[], connection: EventStream): void {
    const { edge, stream } = place;
    this.followed.get(stream)?.end();
    const followed = new Followed(
      connection,
      place.after,
      (number) => this.store.eventId({ id: stream, session }, number, edge),
      (after) => this.ask({ edge, stream, after }, session),
    );
    this.followed.set(stream, followed);
    connection.onClose(() => {
      followed.end();
      if (this.followed.get(stream) !== followed) return;
      this.followed.delete(stream);
      this.bus.publish(streamLeft, { edge: this.store.edge, stream }, { to: edge });
    });
    for (const event of events) followed.receive(event, false);
    // Once more: what came between the reply and now was sent to nobody.
    followed.renew();
  }

  private give(edge: string, id: string, session: string, after: number): { events: StreamEvent[]; state: 'following' | 'over' | 'yours' } {
    const found = this.store.find(id, session);
    if (!found) throw new GatewayError('not_found', 'There is no such stream.');
    const { stream, kind } = found;
    const missed = stream.after(after);
    const events = fittingEvents(missed, this.bus.maxMessageBytes());
    // The rest is asked for with the next request.
    if (stream.ended) return { events, state: events.length < missed.length ? 'following' : 'over' };
    if (kind === 'news') {
      stream.giveUp();
      return { events, state: 'yours' };
    }
    const lent = this.lent.get(id);
    if (lent?.edge === edge) lent.renew();
    // A part is asked for again, the next time for the rest: only then is there nothing to send twice.
    else if (events.length === missed.length) this.lend(edge, stream, events.at(-1)?.number ?? after);
    return { events, state: 'following' };
  }

  private lend(edge: string, stream: ResumableStream, after: number): void {
    this.lent.get(stream.id)?.stop();
    const forget = (it: Lent): void => {
      if (this.lent.get(stream.id) === it) this.lent.delete(stream.id);
    };
    const lent = new Lent(edge, stream, (event, last) => this.tell(edge, stream.id, event, last), forget);
    this.lent.set(stream.id, lent);
    stream.attach(lent, after);
    lent.renew();
  }

  private takeBack(edge: string, stream: string): void {
    const lent = this.lent.get(stream);
    if (lent?.edge === edge) lent.stop();
  }

  private tell(edge: string, stream: string, event: StreamEvent | undefined, last: boolean): void {
    const json = event && fitting(event.json, this.bus.maxMessageBytes());
    this.bus.publish(streamEvent, { stream, last, number: event?.number ?? 0, ...(event ? { json: json ?? '' } : {}) }, { to: edge });
  }
}

/** A stream of another edge, written to a client of ours. */
class Followed {
  private readonly timer = setInterval(() => this.renew(), RENEW_MS).unref();

  constructor(
    private readonly connection: EventStream,
    private last: number,
    private readonly idOf: (number: number) => string,
    private readonly ask: (after: number) => Promise<{ readonly events: readonly StreamEvent[]; readonly state: string }>,
  ) {}

  receive(event: StreamEvent | undefined, isLast: boolean): void {
    if (event && event.number > this.last + 1) return this.renew();
    const isNew = event !== undefined && event.number > this.last;
    if (isNew) this.last = event.number;
    if (isLast) {
      clearInterval(this.timer);
      if (isNew && event.json !== '') this.connection.end(event.json, this.idOf(event.number));
      else this.connection.end();
    } else if (isNew && event.json !== '') this.connection.send(event.json, this.idOf(event.number));
  }

  renew(): void {
    this.ask(this.last).then(
      ({ events, state }) => {
        for (const event of events) this.receive(event, false);
        if (state !== 'following') this.end();
        else if (events.length > 0) this.renew();
      },
      () => this.end(),
    );
  }

  end(): void {
    clearInterval(this.timer);
    this.connection.end();
  }
}

/** A stream of ours whose client is at another edge. */
class Lent implements StreamSink {
  private timer: NodeJS.Timeout | undefined;

  constructor(
    readonly edge: string,
    private readonly stream: ResumableStream,
    private readonly tell: (event: StreamEvent | undefined, last: boolean) => void,
    private readonly onStop: (it: Lent) => void,
  ) {}

  renew(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.stop(), LEASE_MS).unref();
  }

  event(event: StreamEvent): void {
    this.tell(event, false);
  }

  end(event?: StreamEvent): void {
    clearTimeout(this.timer);
    this.onStop(this);
    this.tell(event, true);
  }

  stop(): void {
    clearTimeout(this.timer);
    this.onStop(this);
    this.stream.detach(this);
  }
}
