import { GatewayError, type UpstreamClient } from '@mcpgw/contracts';
import type { JsonObject } from '@mcpgw/core-mcp-wire';
import { Lane } from './lane.js';

/** Nothing more may run now; what can't wait makes do with what runs. */
export class NoRoom extends GatewayError {
  constructor(message: string) {
    super('unavailable', message);
  }
}

/**
 * The processes of one server by scope: one that all share, and for callers that can be asked one each. Callers of different
 * scopes never share a process, and neither do two clients of one scope that declare different capabilities: what was declared
 * to a process can't change, and stopping it for the other client would stop it again for the first.
 */
export class Lanes {
  readonly shared: Lane;
  private readonly scoped = new Map<string, Lane>();

  constructor(
    private readonly make: (capabilities: JsonObject, isOwn: boolean) => Lane,
    private readonly maxScopes: number,
  ) {
    this.shared = make({}, false);
  }

  /** The client's own lane. At the bound the one that was idle longest is let go, to `leave`; throws `NoRoom` when none is idle. */
  own(client: UpstreamClient, leave: (lane: Lane) => void): Lane {
    const key = JSON.stringify([client.scope, client.capabilities]);
    const known = this.scoped.get(key);
    if (known) return known;
    this.dropStopped();
    if (this.scoped.size >= this.maxScopes) this.dropLongestIdle(leave);
    const lane = this.make(client.capabilities, true);
    this.scoped.set(key, lane);
    return lane;
  }

  all(): readonly Lane[] {
    return [this.shared, ...this.scoped.values()];
  }

  owned(): readonly Lane[] {
    return [...this.scoped.values()];
  }

  /** Forgets what doesn't run. */
  dropStopped(): void {
    for (const [key, lane] of this.scoped) if (!lane.isRunning) this.scoped.delete(key);
  }

  private dropLongestIdle(leave: (lane: Lane) => void): void {
    let longest: [string, Lane] | undefined;
    for (const entry of this.scoped) if (entry[1].isIdle && (!longest || lastUse(entry[1]) < lastUse(longest[1]))) longest = entry;
    if (!longest) throw new NoRoom(`All ${this.maxScopes} processes that a server may have for callers of its own are busy. Try again, or raise MCPGW_RUNNER_MAX_SCOPES.`);
    this.scoped.delete(longest[0]);
    leave(longest[1]);
  }
}

function lastUse(lane: Lane): number {
  return lane.current?.lastUsedAt ?? 0;
}
