import { RUNNER_WATCH_MS, type OrganizationName, type ServerName } from '@mcpgw/contracts';
import type { Clock } from '@mcpgw/platform-runtime';

export interface WatchRequest {
  readonly organization: OrganizationName;
  readonly server: ServerName;
  /** Whose clients watch: the edge instance. */
  readonly edge: string;
  readonly uris: readonly string[];
}

/** Applies what all edges together watch of a server. */
export type ApplyWatch = (organization: OrganizationName, server: ServerName, uris: ReadonlySet<string>) => void;

interface Watched {
  readonly organization: OrganizationName;
  readonly server: ServerName;
  readonly byEdge: Map<string, { readonly uris: readonly string[]; readonly until: number }>;
}

const LEASE_MS = 3 * RUNNER_WATCH_MS;
const SWEEP_MS = 5_000;
const MAX_SERVERS = 10_000;
const MAX_URIS = 4_096;

/** Which resources the edges watch. An edge that doesn't repeat itself is gone, and what it watched with it. */
export class Watches {
  private readonly servers = new Map<string, Watched>();
  private readonly sweeper: NodeJS.Timeout;

  constructor(
    private readonly apply: ApplyWatch,
    private readonly clock: Clock,
  ) {
    this.sweeper = setInterval(() => this.sweep(), SWEEP_MS).unref();
  }

  set({ organization, server, edge, uris }: WatchRequest): void {
    const key = `${organization}/${server}`;
    const watched = this.servers.get(key) ?? { organization, server, byEdge: new Map() };
    if (uris.length === 0) {
      if (!watched.byEdge.delete(edge)) return;
    } else {
      if (this.servers.size >= MAX_SERVERS && !this.servers.has(key)) return;
      watched.byEdge.set(edge, { uris, until: this.clock.now() + LEASE_MS });
    }
    this.update(key, watched);
  }

  close(): void {
    clearInterval(this.sweeper);
  }

  /** Forgets edges that have not repeated themselves; runs by itself every few seconds. */
  sweep(): void {
    const now = this.clock.now();
    for (const [key, watched] of this.servers) {
      const gone = [...watched.byEdge].filter(([, { until }]) => until < now);
      for (const [edge] of gone) watched.byEdge.delete(edge);
      if (gone.length > 0) this.update(key, watched);
    }
  }

  private update(key: string, watched: Watched): void {
    if (watched.byEdge.size === 0) this.servers.delete(key);
    else this.servers.set(key, watched);
    const uris = [...watched.byEdge.values()].flatMap((edge) => edge.uris);
    this.apply(watched.organization, watched.server, new Set(uris.slice(0, MAX_URIS)));
  }
}
