import { RUNNER_WATCH_MS, runnerWatch, type OrganizationName, type ServerName } from '@mcpgw/contracts';
import type { Bus } from '@mcpgw/platform-bus';
import type { ResourceWatchPort } from '../ports.js';

interface Watched {
  readonly organization: OrganizationName;
  readonly server: ServerName;
  /** How many watch each. */
  readonly counts: Map<string, number>;
  characters: number;
  isDue: boolean;
}

const MAX_SERVERS = 10_000;
/** Of one server: all of them travel in one message, which the bus must take. */
const MAX_URIS = 1_024;
const MAX_CHARACTERS = 256 * 1_024;
const MAX_URI_CHARACTERS = 4_096;

/**
 * Watches resources of servers on stdio: tells all runners what this edge watches of a server, at each change and again and
 * again, so that a runner or a server that is started later knows it too. What comes on top of a bound is not watched.
 */
export class RunnerWatch implements ResourceWatchPort {
  private readonly servers = new Map<string, Watched>();
  private timer: NodeJS.Timeout | undefined;
  private stopListening = (): void => {};

  /** `instance` is this edge, among those whose watches a runner joins. */
  constructor(
    private readonly bus: Bus,
    private readonly instance: string,
  ) {}

  start(): void {
    this.timer = setInterval(() => this.tellAll(), RUNNER_WATCH_MS).unref();
    this.stopListening = this.bus.onReconnect(() => this.tellAll());
  }

  watch(organization: OrganizationName, server: ServerName, uri: string): () => void {
    const key = `${organization}/${server}`;
    const watched = this.servers.get(key) ?? { organization, server, counts: new Map<string, number>(), characters: 0, isDue: false };
    const count = watched.counts.get(uri) ?? 0;
    if (count === 0 && (uri.length > MAX_URI_CHARACTERS || watched.counts.size >= MAX_URIS || watched.characters + uri.length > MAX_CHARACTERS)) return () => {};
    if (!this.servers.has(key)) {
      if (this.servers.size >= MAX_SERVERS) return () => {};
      this.servers.set(key, watched);
    }
    watched.counts.set(uri, count + 1);
    if (count === 0) {
      watched.characters += uri.length;
      this.changed(watched);
    }
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      this.unwatch(key, watched, uri);
    };
  }

  /** The runners hear that nothing is watched from here any more. */
  close(): void {
    clearInterval(this.timer);
    this.stopListening();
    for (const watched of this.servers.values()) {
      watched.counts.clear();
      this.tell(watched);
    }
    this.servers.clear();
  }

  private unwatch(key: string, watched: Watched, uri: string): void {
    const count = watched.counts.get(uri) ?? 0;
    if (count > 1) {
      watched.counts.set(uri, count - 1);
      return;
    }
    if (!watched.counts.delete(uri)) return;
    watched.characters -= uri.length;
    if (watched.counts.size === 0 && this.servers.get(key) === watched) this.servers.delete(key);
    this.changed(watched);
  }

  /** Once for many changes of one moment, but before anything that comes after it. */
  private changed(watched: Watched): void {
    if (watched.isDue) return;
    watched.isDue = true;
    queueMicrotask(() => {
      watched.isDue = false;
      this.tell(watched);
    });
  }

  private tellAll(): void {
    for (const watched of this.servers.values()) this.tell(watched);
  }

  private tell({ organization, server, counts }: Watched): void {
    this.bus.publish(runnerWatch, { organization, server, edge: this.instance, uris: [...counts.keys()] });
  }
}
