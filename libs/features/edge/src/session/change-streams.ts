import type { Principal } from '../authn/principal.js';
import type { Endpoint } from '../catalog/endpoint.js';
import type { OfferKind } from '../catalog/offer.js';
import type { EventStream } from '../http/event-stream.js';
import type { VisibleLists } from '../lists/visible-lists.js';

/** What a stream's owner sees now; `undefined` once it may see nothing any more (key revoked, route gone). */
export type Look = () => Promise<{ readonly principal: Principal; readonly endpoint: Endpoint } | undefined>;

export interface StreamLimits {
  readonly max: number;
  readonly maxPerPrincipal: number;
}

type Watched = 'tools' | 'prompts' | 'resources';
const KINDS: Readonly<Record<Watched, readonly OfferKind[]>> = { tools: ['tools'], prompts: ['prompts'], resources: ['resources', 'resourceTemplates'] };
const WATCHED = Object.keys(KINDS) as readonly Watched[];

interface Row {
  readonly subject: string;
  readonly session: string;
  readonly look: Look;
  readonly stream: EventStream;
  seen: Readonly<Record<Watched, string>>;
}

/**
 * The GET streams of legacy sessions. A stream hears that a list has changed when what its own principal sees has changed,
 * whatever the cause: a server, a role, a rule. At the bounds the oldest stream is closed: clients open a new one.
 */
export class ChangeStreams {
  private readonly rows = new Set<Row>();
  private checking: Promise<void> | undefined;
  private again = false;

  constructor(
    private readonly lists: VisibleLists,
    private readonly limits: StreamLimits,
  ) {}

  get size(): number {
    return this.rows.size;
  }

  /** Adds a stream that has just begun; call the result when its connection is gone. */
  add(owner: { readonly subject: string; readonly session: string; readonly principal: Principal; readonly endpoint: Endpoint }, stream: EventStream, look: Look): () => void {
    const { subject, session, principal, endpoint } = owner;
    const row: Row = { subject, session, look, stream, seen: this.fingerprints(principal, endpoint) };
    this.makeRoom(subject);
    this.rows.add(row);
    return () => void this.rows.delete(row);
  }

  /** Ends what a session holds open. */
  endSession(session: string): void {
    for (const row of this.rows) if (row.session === session) this.end(row);
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
    for (const row of this.rows) this.end(row);
  }

  private async round(): Promise<void> {
    for (const row of this.rows) {
      const view = await row.look().catch(() => undefined);
      if (!view) {
        this.end(row);
        continue;
      }
      const now = this.fingerprints(view.principal, view.endpoint);
      for (const kind of WATCHED) if (now[kind] !== row.seen[kind]) row.stream.send(`{"jsonrpc":"2.0","method":"notifications/${kind}/list_changed"}`);
      row.seen = now;
    }
  }

  private fingerprints(principal: Principal, endpoint: Endpoint): Record<Watched, string> {
    const of = (kind: Watched): string => KINDS[kind].map((offers) => this.lists.list(principal, endpoint, offers).fingerprint).join(' ');
    return { tools: of('tools'), prompts: of('prompts'), resources: of('resources') };
  }

  /** A set keeps the order of coming, so the first found is the oldest. */
  private makeRoom(subject: string): void {
    const own = [...this.rows].filter((row) => row.subject === subject);
    if (own.length >= this.limits.maxPerPrincipal) this.end(own[0] as Row);
    if (this.rows.size >= this.limits.max) for (const oldest of this.rows) return this.end(oldest);
  }

  private end(row: Row): void {
    this.rows.delete(row);
    row.stream.end();
  }
}
