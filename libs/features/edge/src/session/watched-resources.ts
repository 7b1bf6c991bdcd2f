import { Inject, Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { resourceUpdated, type Decision } from '@mcpgw/contracts';
import type { Bus, Subscription } from '@mcpgw/platform-bus';
import { BUS } from '@mcpgw/platform-runtime';
import type { Principal } from '../authn/principal.js';
import { Judge } from '../call-tool/judge.js';
import type { Wanted } from '../call-tool/wanted.js';
import type { Destination, Endpoint } from '../catalog/endpoint.js';
import type { ResourceWatchPort } from '../ports.js';
import { canBeWatched } from '../requests/handshake.js';
import { RESOURCE_WATCH } from '../tokens.js';
import type { Look, View } from './change-streams.js';

/** A resource that changes in a loop is told of ten times a second; the last change is always told. */
const QUIET_MS = 100;

/** Who hears that a resource has changed. Each watched resource is watched upstream once, for as long as anybody here wants it. */
@Injectable()
export class WatchedResources implements OnModuleInit, OnApplicationShutdown {
  private readonly watched = new Map<string, { readonly watchers: Set<Watcher>; readonly stop: () => void }>();
  private subscription: Subscription | undefined;

  constructor(
    @Inject(BUS) private readonly bus: Bus,
    @Inject(RESOURCE_WATCH) private readonly upstreams: ResourceWatchPort,
    private readonly judge: Judge,
  ) {}

  onModuleInit(): void {
    this.subscription = this.bus.subscribe(resourceUpdated, ({ organization, server, uri }) => {
      for (const watcher of this.watched.get(keyOf(organization, server, uri))?.watchers ?? []) watcher.updated();
    });
  }

  async onApplicationShutdown(): Promise<void> {
    await this.subscription?.close();
    for (const { stop, watchers } of this.watched.values()) {
      for (const watcher of watchers) watcher.stop();
      stop();
    }
    this.watched.clear();
  }

  /** What `resources/read` of this URI would want; `undefined` when nothing leads there. */
  wanted({ endpoint }: Pick<View, 'endpoint'>, uri: string): Wanted | undefined {
    const destination = endpoint.findResource(uri);
    return destination && { action: 'resources/read', destination, arguments: {}, params: { uri: destination.target } };
  }

  /** Whether the caller could see it at all: what it could not see must answer like what doesn't exist. */
  mayEver(principal: Principal, wanted: Wanted): boolean {
    return this.judge.mayEver(principal, wanted);
  }

  decide(principal: Principal, wanted: Wanted): Decision | Promise<Decision> {
    return this.judge.decide(principal, wanted);
  }

  /** Those of the URIs that this caller may read and that can be watched, each once. */
  async watchable(principal: Principal, endpoint: Endpoint, uris: readonly string[]): Promise<readonly string[]> {
    const honoured: string[] = [];
    for (const uri of new Set(uris)) {
      const wanted = this.wanted({ endpoint }, uri);
      if (!wanted || !canBeWatched(wanted.destination.server) || !this.mayEver(principal, wanted)) continue;
      if ((await this.decide(principal, wanted)).effect === 'permit') honoured.push(uri);
    }
    return honoured;
  }

  /** Tells of changes until the result is called; each time only if whoever wants it may still see the resource. */
  watch({ principal, endpoint }: View, uri: string, look: Look, tell: () => void): () => void {
    const destination = endpoint.findResource(uri);
    if (!destination) return () => undefined;
    const isStillSeen = async (): Promise<boolean> => {
      const view = await look().catch(() => undefined);
      const wanted = view && this.wanted(view, uri);
      return view !== undefined && wanted !== undefined && this.mayEver(view.principal, wanted);
    };
    const watcher = new Watcher(async () => {
      if (await isStillSeen()) tell();
    });
    return this.join(principal, destination, watcher);
  }

  private join({ organization }: Principal, { server, target }: Destination, watcher: Watcher): () => void {
    const { name } = server.config;
    const key = keyOf(organization, name, target);
    const known = this.watched.get(key);
    const entry = known ?? { watchers: new Set<Watcher>(), stop: this.upstreams.watch(organization, name, target) };
    if (!known) this.watched.set(key, entry);
    entry.watchers.add(watcher);
    return () => {
      watcher.stop();
      if (!entry.watchers.delete(watcher) || entry.watchers.size > 0) return;
      if (this.watched.get(key) === entry) this.watched.delete(key);
      entry.stop();
    };
  }
}

/** Tells at once, then not again for a while, and once more if something came in between: several edges may tell of one change. */
class Watcher {
  private timer: NodeJS.Timeout | undefined;
  private again = false;

  constructor(private readonly tell: () => Promise<void>) {}

  updated(): void {
    if (this.timer) {
      this.again = true;
      return;
    }
    void this.tell();
    this.timer = setTimeout(() => {
      this.timer = undefined;
      if (!this.again) return;
      this.again = false;
      this.updated();
    }, QUIET_MS).unref();
  }

  stop(): void {
    clearTimeout(this.timer);
  }
}

function keyOf(organization: string, server: string, uri: string): string {
  return `${organization} ${server} ${uri}`;
}
