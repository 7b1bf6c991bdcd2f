import { upstreamChanged, type OrganizationName, type ServerName } from '@mcpgw/contracts';
import type { Bus } from '@mcpgw/platform-bus';

const QUIET_MS = 250;
const MAX_WAITING = 10_000;

/** Tells the registry which servers said that their lists changed; a server that says it in a loop costs four hints a second. */
export class ChangedServers {
  private readonly waiting = new Map<string, { readonly organization: OrganizationName; readonly server: ServerName }>();
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly bus: Bus) {}

  /** Drops what comes on top of `MAX_WAITING`: hints may be lost, the registry asks by itself too. */
  add(organization: OrganizationName, server: ServerName): void {
    if (this.waiting.size >= MAX_WAITING) return;
    this.waiting.set(`${organization}/${server}`, { organization, server });
    this.timer ??= setTimeout(() => this.flush(), QUIET_MS).unref();
  }

  close(): void {
    clearTimeout(this.timer);
  }

  private flush(): void {
    this.timer = undefined;
    for (const changed of this.waiting.values()) this.bus.publish(upstreamChanged, changed);
    this.waiting.clear();
  }
}
