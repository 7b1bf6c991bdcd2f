import { resourceUpdated, type OrganizationName, type ServerName } from '@mcpgw/contracts';
import type { Bus } from '@mcpgw/platform-bus';
import type { ResourceWatchPort } from '../ports.js';
import type { HttpUpstreams } from '../upstream/http-upstream.js';

/** Resources watched of one server, and in all; what is watched beyond that is not heard of. */
const MAX_PER_SERVER = 1_024;
const MAX_WATCHED = 20_000;
const RETRY_MS = 30_000;

interface Watched {
  readonly organization: OrganizationName;
  readonly server: ServerName;
  readonly counts: Map<string, number>;
  /** The URIs of `counts`, another object whenever they change: that is how the connection sees it. */
  uris: ReadonlySet<string>;
}

/**
 * The resources of HTTP servers that clients of this edge watch. Counted, because several clients may watch the same. Which
 * connection hears of them is decided anew whenever the catalog changes: a server may have moved.
 */
export class HttpWatch implements ResourceWatchPort {
  private readonly watched = new Map<string, Watched>();
  private readonly timer: NodeJS.Timeout;
  private total = 0;

  constructor(private readonly upstreams: Pick<HttpUpstreams, 'watch'>) {
    this.timer = setInterval(() => this.renew(), RETRY_MS).unref();
  }

  watch(organization: OrganizationName, server: ServerName, uri: string): () => void {
    const key = `${organization}/${server}`;
    const entry = this.watched.get(key) ?? { organization, server, counts: new Map<string, number>(), uris: new Set<string>() };
    const count = entry.counts.get(uri) ?? 0;
    if (count === 0 && (entry.counts.size >= MAX_PER_SERVER || this.total >= MAX_WATCHED)) return () => undefined;
    this.watched.set(key, entry);
    this.set(key, entry, uri, count + 1);
    let ended = false;
    return () => {
      if (ended) return;
      ended = true;
      this.set(key, entry, uri, (entry.counts.get(uri) ?? 1) - 1);
    };
  }

  /** Servers may have moved, or have been away when they were told. */
  renew(): void {
    for (const entry of this.watched.values()) this.tell(entry);
  }

  close(): void {
    clearInterval(this.timer);
  }

  private set(key: string, entry: Watched, uri: string, count: number): void {
    const wasWatched = entry.counts.has(uri);
    if (count > 0) entry.counts.set(uri, count);
    else entry.counts.delete(uri);
    if (wasWatched === count > 0) return;
    this.total += count > 0 ? 1 : -1;
    entry.uris = new Set(entry.counts.keys());
    if (entry.uris.size === 0) this.watched.delete(key);
    this.tell(entry);
  }

  private tell({ organization, server, uris }: Watched): void {
    try {
      this.upstreams.watch(organization, server, uris);
    } catch {
      // Its configuration can't be used at the moment, a secret is missing for instance: its calls say so; tried again later.
    }
  }
}

const QUIET_MS = 100;
const MAX_RECENT = 4_096;

/** Tells every edge which resources changed: at once, and at most once in a while each, however often a server says it. */
export class ResourceNews {
  /** Told lately; true when it has changed again since. */
  private readonly recent = new Map<string, boolean>();

  constructor(private readonly bus: Bus) {}

  updated(organization: OrganizationName, server: ServerName, uri: string): void {
    const key = JSON.stringify([organization, server, uri]);
    if (this.recent.has(key)) {
      this.recent.set(key, true);
      return;
    }
    // A server that floods with ever new URIs loses some; its clients read what they need anyway.
    if (this.recent.size >= MAX_RECENT) return;
    this.tell(key, organization, server, uri);
  }

  private tell(key: string, organization: OrganizationName, server: ServerName, uri: string): void {
    this.recent.set(key, false);
    this.bus.publish(resourceUpdated, { organization, server, uri });
    setTimeout(() => {
      if (this.recent.get(key) === true) this.tell(key, organization, server, uri);
      else this.recent.delete(key);
    }, QUIET_MS).unref();
  }
}
