import type { OrganizationName, ServerName } from '@mcpgw/contracts';
import type { JsonObject } from '@mcpgw/core-mcp-wire';
import type { HttpUpstreams } from '../upstream/http-upstream.js';

/** Tasks watched of one server; what is watched beyond that is not heard of, and its clients ask for it as they do anyway. */
const MAX_PER_SERVER = 1_024;

type Tell = (task: JsonObject) => void;

interface Watched {
  readonly organization: OrganizationName;
  readonly server: ServerName;
  readonly tells: Map<string, Set<Tell>>;
  /** Of `tells`, another object whenever its keys change: that is how the connection sees it. */
  listeners: ReadonlyMap<string, Tell>;
}

/** The tasks of modern HTTP servers that clients of this edge listen to: heard on the one stream that the edge has with each server. */
export class HttpTaskWatch {
  private readonly watched = new Map<string, Watched>();

  constructor(private readonly upstreams: Pick<HttpUpstreams, 'watchTasks'>) {}

  watch(organization: OrganizationName, server: ServerName, taskId: string, tell: Tell): () => void {
    const key = `${organization}/${server}`;
    const entry = this.watched.get(key) ?? { organization, server, tells: new Map<string, Set<Tell>>(), listeners: new Map<string, Tell>() };
    const tells = entry.tells.get(taskId) ?? new Set<Tell>();
    if (tells.size === 0 && entry.tells.size >= MAX_PER_SERVER) return () => undefined;
    // One of its own: the same function may listen twice.
    const own: Tell = (task) => tell(task);
    tells.add(own);
    this.watched.set(key, entry);
    if (tells.size === 1) this.changed(entry, () => entry.tells.set(taskId, tells));
    return () => {
      if (!tells.delete(own) || tells.size > 0) return;
      if (entry.tells.size === 1) this.watched.delete(key);
      this.changed(entry, () => entry.tells.delete(taskId));
    };
  }

  /** Servers may have moved. */
  renew(): void {
    for (const entry of this.watched.values()) this.tellServer(entry);
  }

  private changed(entry: Watched, change: () => void): void {
    change();
    const heard = (tells: ReadonlySet<Tell>): Tell => (task) => {
      for (const tell of tells) tell(task);
    };
    entry.listeners = new Map([...entry.tells].map(([taskId, tells]) => [taskId, heard(tells)]));
    this.tellServer(entry);
  }

  private tellServer({ organization, server, listeners }: Watched): void {
    try {
      this.upstreams.watchTasks(organization, server, listeners);
    } catch {
      // Its configuration can't be used at the moment: its calls say so; tried again when that changes.
    }
  }
}
