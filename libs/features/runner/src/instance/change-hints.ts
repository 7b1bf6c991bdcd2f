import type { OrganizationName, ServerName } from '@mcpgw/contracts';

const LIST_CHANGED = /^notifications\/(tools|prompts|resources)\/list_changed$/;
const MIN_INTERVAL_MS = 2_000;

/** Passes on that a server's lists changed: the first time at once, then at most every 2 s, the last change always. */
export class ChangeHints {
  private readonly quiet = new Map<string, { readonly timer: NodeJS.Timeout; again: boolean }>();

  constructor(private readonly publish: (organization: OrganizationName, server: ServerName) => void) {}

  notified(organization: OrganizationName, server: ServerName, method: string): void {
    if (!LIST_CHANGED.test(method)) return;
    const key = `${organization}/${server}`;
    const waiting = this.quiet.get(key);
    if (waiting) {
      waiting.again = true;
      return;
    }
    this.publish(organization, server);
    const timer = setTimeout(() => {
      const { again } = this.quiet.get(key) ?? { again: false };
      this.quiet.delete(key);
      if (again) this.notified(organization, server, method);
    }, MIN_INTERVAL_MS).unref();
    this.quiet.set(key, { timer, again: false });
  }

  close(): void {
    for (const { timer } of this.quiet.values()) clearTimeout(timer);
    this.quiet.clear();
  }
}
