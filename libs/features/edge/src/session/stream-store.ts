import { createHmac, createSecretKey, randomBytes, timingSafeEqual, type KeyObject } from 'node:crypto';
import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { HEALTH, KEY_FILES, type Health, type KeyFiles } from '@mcpgw/platform-runtime';
import { EDGE_CONFIG, type EdgeConfig } from '../edge.config.js';
import type { EventStream } from '../http/event-stream.js';
import type { StreamOpener } from '../http/outlet.js';
import { ResumableStream, type StreamEvent, type StreamSink } from '../http/resumable-stream.js';

/** How long a client should wait before it comes back. */
export const RETRY_MS = 500;
/** What all streams keep for clients that may come back; beyond, those that nobody has at the moment are given up, oldest first. */
const MAX_KEPT_CHARACTERS = 67_108_864;
const MAC_CHARACTERS = 22;
const EVENT_ID = /^([A-Za-z0-9_-]{1,64})\.([A-Za-z0-9_-]{16})\.([A-Za-z0-9_-]{22})\.(\d{1,12})$/;

/** The answer to a request, which ends; or the news of a session, which don't. */
export type StreamKind = 'answer' | 'news';

export interface EventPlace {
  readonly edge: string;
  readonly stream: string;
  /** The last event that the client has. */
  readonly after: number;
}

/** The event streams of this edge that their clients may come back to. Event ids say which edge holds the stream, and whose it is. */
@Injectable()
export class StreamStore implements StreamOpener, OnApplicationShutdown {
  private readonly key: KeyObject;
  private readonly streams = new Map<string, { readonly stream: ResumableStream; readonly kind: StreamKind }>();
  private readonly waitMs: number;
  readonly edge: string;

  constructor(@Inject(EDGE_CONFIG) private readonly config: EdgeConfig, @Inject(KEY_FILES) keyFiles: KeyFiles, @Inject(HEALTH) health: Health) {
    this.key = createSecretKey(keyFiles.symmetric('sessions'));
    this.waitMs = config.streamResumeSeconds * 1_000;
    this.edge = health.instance;
    health.detail('resumableStreams', () => this.streams.size);
  }

  onApplicationShutdown(): void {
    for (const { stream } of this.streams.values()) stream.giveUp();
  }

  openAnswer(session: string, connection: EventStream): ResumableStream {
    const stream = this.open(session, 'answer');
    connection.prime(this.eventId(stream, 0), RETRY_MS);
    this.connect(stream, connection, 0);
    return stream;
  }

  open(session: string, kind: StreamKind): ResumableStream {
    this.makeRoom();
    const stream = new ResumableStream(randomBytes(12).toString('base64url'), session, this.waitMs, ({ id }) => this.streams.delete(id));
    this.streams.set(stream.id, { stream, kind });
    return stream;
  }

  find(id: string, session: string): { readonly stream: ResumableStream; readonly kind: StreamKind } | undefined {
    const found = this.streams.get(id);
    return found?.stream.session === session ? found : undefined;
  }

  /** From now on the stream's events go to this connection, beginning after `after`. */
  connect(stream: ResumableStream, connection: EventStream, after: number): void {
    const sink = new ConnectionSink(connection, (number) => this.eventId(stream, number));
    stream.attach(sink, after);
    connection.onClose(() => stream.detach(sink));
  }

  eventId(stream: Pick<ResumableStream, 'id' | 'session'>, number: number, edge = this.edge): string {
    return `${edge}.${stream.id}.${this.mac(edge, stream.id, stream.session)}.${number}`;
  }

  /** Where an event of this session's streams is; `undefined` for any other id. */
  place(eventId: string, session: string): EventPlace | undefined {
    const [, edge = '', stream = '', mac = '', after = ''] = EVENT_ID.exec(eventId) ?? [];
    if (edge === '' || !timingSafeEqual(Buffer.from(mac), Buffer.from(this.mac(edge, stream, session)))) return undefined;
    return { edge, stream, after: Number(after) };
  }

  private mac(edge: string, stream: string, session: string): string {
    return createHmac('sha256', this.key).update(JSON.stringify(['stream', edge, stream, session])).digest('base64url').slice(0, MAC_CHARACTERS);
  }

  private makeRoom(): void {
    let kept = 0;
    for (const { stream } of this.streams.values()) kept += stream.keptCharacters;
    for (const { stream } of this.streams.values()) {
      if (kept <= MAX_KEPT_CHARACTERS && this.streams.size < this.config.maxStreams + this.config.maxConcurrentCalls) return;
      if (!stream.waiting && !stream.ended) continue;
      kept -= stream.keptCharacters;
      stream.giveUp();
    }
  }
}

class ConnectionSink implements StreamSink {
  constructor(
    private readonly connection: EventStream,
    private readonly idOf: (number: number) => string,
  ) {}

  event({ number, json }: StreamEvent): void {
    this.connection.send(json, this.idOf(number));
  }

  end(event?: StreamEvent): void {
    if (event) this.connection.end(event.json, this.idOf(event.number));
    else this.connection.end();
  }
}
