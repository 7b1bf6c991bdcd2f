import type { ServerView } from '@mcpgw/contracts';
import type { Principal } from '../authn/principal.js';
import type { Endpoint } from '../catalog/endpoint.js';
import type { OfferKind } from '../catalog/offer.js';
import type { VisibleLists } from '../lists/visible-lists.js';

/** What a stream's owner sees now; `undefined` once it may see nothing any more (key revoked, route gone). */
export interface View {
  readonly principal: Principal;
  readonly endpoint: Endpoint;
}
export type Look = () => Promise<View | undefined>;

export interface StreamLimits {
  readonly max: number;
  readonly maxPerPrincipal: number;
}

export type ListKind = 'tools' | 'prompts' | 'resources';
const KINDS: Readonly<Record<ListKind, readonly OfferKind[]>> = { tools: ['tools'], prompts: ['prompts'], resources: ['resources', 'resourceTemplates', 'skills'] };
export const LIST_KINDS = Object.keys(KINDS) as readonly ListKind[];

/** Somebody who wants to hear of changes: the GET stream of a session, or a `subscriptions/listen`. */
export interface Listener {
  readonly subject: string;
  readonly kinds: readonly ListKind[];
  readonly look: Look;
  /** Its connection is gone and may come back: it makes room first. */
  isWaiting?(): boolean;
  changed(kind: ListKind): unknown;
  /** It may hear no more, or has to make room. */
  end(): void;
}

interface Seen {
  readonly endpoint: Endpoint;
  readonly fingerprints: Readonly<Record<ListKind, string>>;
}

/**
 * Who hears that a list has changed: when what its own principal sees has changed, whatever the cause, be it a server, a role
 * or a rule. At the bounds the oldest ends, unless whoever comes asks first whether there is room.
 */
export class ChangeStreams {
  private readonly rows = new Map<Listener, Seen>();
  private endpoints: ReadonlySet<Endpoint> = new Set();
  private checking: Promise<void> | undefined;
  private again = false;

  constructor(
    private readonly lists: VisibleLists,
    private readonly limits: StreamLimits,
    /** Told of which servers somebody waits for changes, whenever that changes. */
    private readonly attend: (servers: ReadonlySet<ServerView>) => void = () => undefined,
  ) {}

  get size(): number {
    return this.rows.size;
  }

  /** Whether one more may come without ending one that has a connection. */
  hasRoom(subject: string): boolean {
    return this.crowded(subject).every((those) => those.some((listener) => listener.isWaiting?.()));
  }

  /** Adds one that has just begun; call the result when it is gone. */
  add(listener: Listener, view: View): () => void {
    for (const those of this.crowded(listener.subject)) {
      // A map keeps the order of coming, so the first found is the oldest.
      const goes = those.find((each) => each.isWaiting?.()) ?? those[0];
      if (goes) this.end(goes);
    }
    this.rows.set(listener, this.seen(view));
    this.tellAttention();
    return () => this.remove(listener);
  }

  /** Looks again at what everybody sees. Changes that come in between make one more round, however many they are. */
  check(): void {
    if (this.checking) {
      this.again = true;
      return;
    }
    this.checking = this.round().finally(() => {
      this.checking = undefined;
      if (!this.again) return;
      this.again = false;
      this.check();
    });
  }

  closeAll(): void {
    for (const listener of this.rows.keys()) this.end(listener);
  }

  /** Of whom one has to go before another comes for this subject. */
  private crowded(subject: string): readonly (readonly Listener[])[] {
    const all = [...this.rows.keys()];
    const own = all.filter((listener) => listener.subject === subject);
    if (own.length >= this.limits.maxPerPrincipal) return [own];
    return all.length >= this.limits.max ? [all] : [];
  }

  private async round(): Promise<void> {
    for (const [listener, seen] of this.rows) {
      const view = await listener.look().catch(() => undefined);
      if (!this.rows.has(listener)) continue;
      if (!view) {
        this.end(listener);
        continue;
      }
      const now = this.seen(view);
      this.rows.set(listener, now);
      for (const kind of listener.kinds) if (now.fingerprints[kind] !== seen.fingerprints[kind]) listener.changed(kind);
    }
    this.tellAttention();
  }

  private seen({ principal, endpoint }: View): Seen {
    const of = (kind: ListKind): string => KINDS[kind].map((offers) => this.lists.list(principal, endpoint, offers).fingerprint).join(' ');
    return { endpoint, fingerprints: { tools: of('tools'), prompts: of('prompts'), resources: of('resources') } };
  }

  private tellAttention(): void {
    const endpoints = new Set([...this.rows.values()].map(({ endpoint }) => endpoint));
    if (endpoints.size === this.endpoints.size && [...endpoints].every((endpoint) => this.endpoints.has(endpoint))) return;
    this.endpoints = endpoints;
    this.attend(new Set([...endpoints].flatMap(({ servers }) => servers)));
  }

  private remove(listener: Listener): void {
    this.rows.delete(listener);
    this.tellAttention();
  }

  private end(listener: Listener): void {
    this.remove(listener);
    listener.end();
  }
}
