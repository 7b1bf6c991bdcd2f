import { resourceUpdated, upstreamChanged, type OrganizationName, type ServerName } from '@mcpgw/contracts';
import type { JsonObject } from '@mcpgw/core-mcp-wire';
import type { Bus } from '@mcpgw/platform-bus';

const LIST_CHANGED = /^notifications\/(tools|prompts|resources)\/list_changed$/;
const LIST_INTERVAL_MS = 2_000;
const RESOURCE_INTERVAL_MS = 250;
const MAX_URI_CHARACTERS = 4_096;
const MAX_WAITING = 10_000;

/**
 * What servers say unasked and others want to hear: that their lists or a watched resource changed. Each thing is passed on the
 * first time at once, then once per interval at most, the last change always.
 */
export class News {
  private readonly quiet = new Map<string, { readonly timer: NodeJS.Timeout; again: boolean }>();

  constructor(private readonly bus: Bus) {}

  notified(organization: OrganizationName, server: ServerName, method: string, { uri }: JsonObject, watched: ReadonlySet<string>): void {
    if (LIST_CHANGED.test(method)) return this.listsChanged(organization, server);
    if (method !== 'notifications/resources/updated' || typeof uri !== 'string' || uri.length > MAX_URI_CHARACTERS || !isWatched(uri, watched)) return;
    this.tell(`${organization}/${server} ${uri}`, RESOURCE_INTERVAL_MS, () => this.bus.publish(resourceUpdated, { organization, server, uri }));
  }

  listsChanged(organization: OrganizationName, server: ServerName): void {
    this.tell(`${organization}/${server}`, LIST_INTERVAL_MS, () => this.bus.publish(upstreamChanged, { organization, server }));
  }

  close(): void {
    for (const { timer } of this.quiet.values()) clearTimeout(timer);
    this.quiet.clear();
  }

  private tell(key: string, intervalMs: number, publish: () => void): void {
    const waiting = this.quiet.get(key);
    if (waiting) {
      waiting.again = true;
      return;
    }
    // A hint that is lost costs time, not truth: whoever shows a resource reads it again by itself some time.
    if (this.quiet.size >= MAX_WAITING) return;
    publish();
    const timer = setTimeout(() => {
      const { again } = this.quiet.get(key) ?? { again: false };
      this.quiet.delete(key);
      if (again) this.tell(key, intervalMs, publish);
    }, intervalMs).unref();
    this.quiet.set(key, { timer, again: false });
  }
}

/** Watched itself, or part of what is watched (MCP 2025-11-25, server/resources: it may be a sub-resource). */
function isWatched(uri: string, watched: ReadonlySet<string>): boolean {
  if (watched.has(uri)) return true;
  for (const whole of watched) if (uri.startsWith(whole)) return true;
  return false;
}
