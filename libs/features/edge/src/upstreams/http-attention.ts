import type { OrganizationName, ServerName, ServerView } from '@mcpgw/contracts';
import type { HttpUpstreams } from '../upstream/http-upstream.js';

/** Servers that are listened to without being called. Of more of them a change is heard when they are called next. */
const MAX_ATTENDED = 512;
const RETRY_MS = 30_000;

interface Attended {
  readonly organization: OrganizationName;
  readonly server: ServerName;
}

/** The HTTP servers whose changes of lists somebody waits for, so that each has a stream to tell them on. */
export class HttpAttention {
  private attended: ReadonlyMap<string, Attended> = new Map();
  private readonly timer: NodeJS.Timeout;

  constructor(private readonly upstreams: Pick<HttpUpstreams, 'attend'>) {
    this.timer = setInterval(() => this.renew(), RETRY_MS).unref();
  }

  /** From now on these, and no others. */
  attend(servers: Iterable<ServerView>): void {
    const before = this.attended;
    const now = new Map<string, Attended>();
    for (const { config } of servers) {
      if (config.http !== undefined && now.size < MAX_ATTENDED) now.set(`${config.organization}/${config.name}`, { organization: config.organization, server: config.name });
    }
    this.attended = now;
    for (const [key, left] of before) if (!now.has(key)) this.tell(left, false);
    for (const [key, come] of now) if (!before.has(key)) this.tell(come, true);
  }

  /** Servers may have moved, or have been away when they were told. */
  renew(): void {
    for (const each of this.attended.values()) this.tell(each, true);
  }

  close(): void {
    clearInterval(this.timer);
  }

  private tell({ organization, server }: Attended, wanted: boolean): void {
    try {
      this.upstreams.attend(organization, server, wanted);
    } catch {
      // Its configuration can't be used at the moment, a secret is missing for instance: its calls say so; tried again later.
    }
  }
}
