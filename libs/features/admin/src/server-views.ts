import { GatewayError, registrySnapshot, type ServerView } from '@mcpgw/contracts';
import type { Bus } from '@mcpgw/platform-bus';

const MOST_PAGES = 10_000;

/**
 * Servers with their health and pinned definitions, as the registry's snapshot has them. Only what changed since the last
 * look travels. Every look asks the registry, so that an operator reads what was written a moment before.
 */
export class ServerViews {
  private readonly held = new Map<string, { readonly revision: number; readonly servers: readonly ServerView[] }>();
  private tail: Promise<void> = Promise.resolve();

  constructor(private readonly bus: Bus) {}

  async all(organization?: string): Promise<readonly ServerView[]> {
    await this.pull();
    const organizations = organization === undefined ? [...this.held.keys()].sort() : [organization];
    return organizations.flatMap((name) => this.held.get(name)?.servers ?? []);
  }

  async one(organization: string, name: string): Promise<ServerView> {
    const found = (await this.all(organization)).find((view) => view.config.name === name);
    if (!found) throw new GatewayError('not_found', `There is no server "${name}" in the organization "${organization}". GET /api/v1/servers lists them.`);
    return found;
  }

  /** One pull after the other: an older answer never overwrites a newer one. */
  private pull(): Promise<void> {
    const next = this.tail.then(() => this.pullNow());
    this.tail = next.catch(() => {});
    return next;
  }

  private async pullNow(): Promise<void> {
    for (let page = 0; page < MOST_PAGES; page++) {
      const known = Object.fromEntries([...this.held].map(([name, { revision }]) => [name, revision]));
      const { changed, removed, more } = await this.bus.request(registrySnapshot, { known });
      for (const view of changed) this.held.set(view.organization.name, { revision: view.revision, servers: view.servers });
      for (const name of removed) this.held.delete(name);
      if (!more) return;
    }
    throw new GatewayError('unavailable', 'The registry has more changes than could be read. Try again.');
  }
}
