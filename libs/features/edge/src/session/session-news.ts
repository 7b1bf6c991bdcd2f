import { Injectable } from '@nestjs/common';
import { ChangeStreams, LIST_KINDS, type ListKind, type Look, type View } from './change-streams.js';
import { WatchedResources } from './watched-resources.js';
import type { SessionRow } from './session-table.js';
import { Sessions, type OpenSession } from './sessions.js';

/** Where the news of a session go: the stream that its client has open for them. */
export interface NewsStream {
  /** Its connection is gone and may come back. */
  readonly waiting?: boolean;
  send(json: string): unknown;
  end(): void;
}

export interface NewsOwner {
  readonly session: OpenSession;
  /** By which the client came; absent for `/mcp`. */
  readonly route: string | undefined;
  readonly view: View;
  readonly look: Look;
}

/** What a legacy session hears unasked: that its lists have changed, and that resources have to which it is subscribed. */
@Injectable()
export class SessionNews {
  private readonly open = new Map<string, Set<Subscriber>>();

  constructor(
    private readonly streams: ChangeStreams,
    private readonly resources: WatchedResources,
    private readonly sessions: Sessions,
  ) {
    sessions.listen({
      sessionEnded: (id) => this.each(id, (subscriber) => subscriber.end()),
      sessionChanged: (row) => this.each(row.id, (subscriber) => subscriber.follow(row)),
    });
  }

  /** Tells the stream until the session is over or the result is called, when its client has gone for good. */
  begin(owner: NewsOwner, stream: NewsStream): () => void {
    const { session, view } = owner;
    const subscriber = new Subscriber(owner, stream, this.resources);
    const release = this.sessions.hold(session);
    const changed = (kind: ListKind): unknown => stream.send(`{"jsonrpc":"2.0","method":"notifications/${kind}/list_changed"}`);
    const listener = { subject: session.subject, kinds: LIST_KINDS, look: owner.look, isWaiting: () => stream.waiting === true, changed, end: () => subscriber.end() };
    const remove = this.streams.add(listener, view);
    const own = this.open.get(session.id) ?? new Set<Subscriber>();
    this.open.set(session.id, own.add(subscriber));
    subscriber.follow(session.state);
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      remove();
      release();
      subscriber.stop();
      if (own.delete(subscriber) && own.size === 0) this.open.delete(session.id);
    };
  }

  private each(session: string, act: (subscriber: Subscriber) => void): void {
    for (const subscriber of [...(this.open.get(session) ?? [])]) act(subscriber);
  }
}

/** One stream and the resources that it tells of. */
class Subscriber {
  private readonly watches = new Map<string, () => void>();

  constructor(
    private readonly owner: NewsOwner,
    private readonly stream: NewsStream,
    private readonly resources: WatchedResources,
  ) {}

  /** Watches what the session is subscribed to by now, and nothing else. */
  follow({ watched }: SessionRow): void {
    const { route = '', view, look } = this.owner;
    const uris = new Set(watched.filter((each) => each.route === route).map(({ uri }) => uri));
    for (const [uri, stop] of this.watches) {
      if (uris.has(uri)) continue;
      this.watches.delete(uri);
      stop();
    }
    for (const uri of uris) {
      if (this.watches.has(uri)) continue;
      const text = `{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":${JSON.stringify(uri)}}}`;
      this.watches.set(uri, this.resources.watch(view, uri, look, () => this.stream.send(text)));
    }
  }

  end(): void {
    this.stop();
    this.stream.end();
  }

  stop(): void {
    for (const stop of this.watches.values()) stop();
    this.watches.clear();
  }
}
