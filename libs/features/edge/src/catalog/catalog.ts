import { Inject, Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { registryChanged, registrySnapshot, toGatewayError } from '@mcpgw/contracts';
import type { Bus, Subscription } from '@mcpgw/platform-bus';
import { BUS, CLOCK, HEALTH, LOGGER, Periodic, type Clock, type Health, type Logger } from '@mcpgw/platform-runtime';
import { CatalogView } from './catalog-view.js';
import { RouteHealth } from './route-health.js';
import { SnapshotFile } from './snapshot-file.js';

export interface CatalogOptions {
  readonly file: string;
  readonly pollMs: number;
}
export const CATALOG_OPTIONS = Symbol('CatalogOptions');

const PULL_TIMEOUT_MS = 5_000;
const MAX_PULLS_IN_A_ROW = 10_000;

/**
 * The registry's snapshot as the edge holds it. Pulled on start, on a hint, after a reconnect and every `pollMs`: a lost hint
 * costs one interval. While the registry is away the last good one serves, from disk after a restart.
 */
@Injectable()
export class Catalog implements OnModuleInit, OnApplicationShutdown {
  readonly view = new CatalogView();
  private readonly listeners = new Set<() => void>();
  private readonly file: SnapshotFile;
  private readonly routes: RouteHealth;
  private readonly pulls: Periodic;
  private readonly subscriptions: Subscription[] = [];
  private stopListening = (): void => {};
  /** When the registry last confirmed what we hold; `undefined` while nothing is held. */
  private confirmedAtMs: number | undefined;
  private unsaved = false;

  constructor(
    @Inject(CATALOG_OPTIONS) options: CatalogOptions,
    @Inject(BUS) private readonly bus: Bus,
    @Inject(HEALTH) private readonly health: Health,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {
    this.file = new SnapshotFile(options.file);
    this.routes = new RouteHealth(health, this.view);
    this.pulls = new Periodic(options.pollMs, () => this.pull(), (error) => this.reportFault(error));
  }

  async onModuleInit(): Promise<void> {
    this.health.require('snapshot', 'Start the registry service; the edge pulls its snapshot and goes on by itself.');
    this.health.detail('snapshotAgeMs', () => this.ageMs());
    await this.loadFromDisk();
    this.subscriptions.push(this.bus.subscribe(registryChanged, () => this.pulls.poke()));
    this.stopListening = this.bus.onReconnect(() => this.pulls.poke());
    void this.pulls.start();
  }

  async onApplicationShutdown(): Promise<void> {
    this.stopListening();
    await Promise.all([this.pulls.close(), ...this.subscriptions.map((subscription) => subscription.close())]);
  }

  /** Calls back after every change of the view. Returns the way to stop. */
  onChange(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Milliseconds since the registry last confirmed the snapshot; `null` while there is none. */
  ageMs(): number | null {
    return this.confirmedAtMs === undefined ? null : Math.max(0, this.clock.now() - this.confirmedAtMs);
  }

  private async loadFromDisk(): Promise<void> {
    const { snapshot, problem } = await this.file.load();
    if (problem !== undefined) this.logger.warn({ problem }, 'the saved snapshot is unreadable and is left aside until the registry answers');
    if (!snapshot) return;
    this.view.apply(snapshot.organizations, []);
    this.routes.update(snapshot.organizations.map(({ organization }) => organization.name));
    this.confirmedAtMs = snapshot.savedAtMs;
    this.health.ok('snapshot');
  }

  private async pull(): Promise<void> {
    for (let i = 0; i < MAX_PULLS_IN_A_ROW; i++) {
      const { changed, removed, more } = await this.bus.request(registrySnapshot, { known: this.view.revisions() }, { timeoutMs: PULL_TIMEOUT_MS });
      if (changed.length > 0 || removed.length > 0) {
        this.view.apply(changed, removed);
        this.routes.update([...removed, ...changed.map(({ organization }) => organization.name)]);
        this.unsaved = true;
        for (const listener of this.listeners) listener();
      }
      if (!more) break;
    }
    this.confirmedAtMs = this.clock.now();
    this.health.ok('snapshot');
    this.health.ok('registry');
    if (this.unsaved) await this.save();
  }

  private async save(): Promise<void> {
    try {
      await this.file.save(this.view.all(), this.clock.now());
      this.unsaved = false;
      this.health.ok('snapshot-file');
    } catch (error) {
      this.health.fail('snapshot-file', { message: `The snapshot can't be saved: ${error instanceof Error ? error.message : String(error)}`, action: 'Make room or fix the permissions of the data folder; until then a restart of the edge needs the registry.' });
    }
  }

  private reportFault(error: unknown): void {
    const { message } = toGatewayError(error);
    const ageMs = this.ageMs();
    const held = ageMs === null ? 'The edge has no snapshot yet.' : `The edge serves its snapshot of ${Math.round(ageMs / 1_000)} s ago.`;
    this.health.fail('registry', { message: `The registry can't be asked: ${message} ${held}`, action: 'Start the registry service and check the bus.' });
    this.logger.debug({ err: error }, 'registry snapshot not pulled');
  }
}
