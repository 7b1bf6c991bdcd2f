import type { UpstreamClient, UpstreamReply } from '@mcpgw/contracts';
import type { JsonObject } from '@mcpgw/core-mcp-wire';
import type { CallDeadline } from './call-deadline.js';
import type { HttpCall } from './http-channel.js';
import type { LegacyLine } from './line.js';

interface Scoped {
  readonly line: LegacyLine;
  /** Calls under way; a session with any is never ended. */
  busy: number;
  lastUsedMs: number;
}

export interface ScopeLimits {
  readonly maxScopesPerServer: number;
  readonly scopeIdleMs: number;
}

/**
 * The sessions of a legacy server that belong to one caller each: one for each scope and set of declared capabilities, so that
 * a server is never told less or more than the client at hand can do. At the bound the longest idle one makes room.
 */
export class ScopedLines {
  readonly #open: (capabilities: JsonObject) => LegacyLine;
  readonly #limits: ScopeLimits;
  /** In the order of their last use. */
  readonly #lines = new Map<string, Scoped>();
  readonly #closing = new Set<Promise<void>>();

  constructor(open: (capabilities: JsonObject) => LegacyLine, limits: ScopeLimits) {
    this.#open = open;
    this.#limits = limits;
  }

  /** Undefined when all sessions are busy: then the call must make do with the shared one, which declares nothing. */
  call(client: UpstreamClient, call: HttpCall, deadline: CallDeadline): Promise<UpstreamReply> | undefined {
    const key = `${JSON.stringify(client.capabilities)} ${client.scope}`;
    let scoped = this.#lines.get(key);
    if (scoped === undefined) {
      if (this.#lines.size >= this.#limits.maxScopesPerServer && !this.#endLongestIdle()) return undefined;
      scoped = { line: this.#open(client.capabilities), busy: 0, lastUsedMs: 0 };
    }
    this.#lines.delete(key);
    this.#lines.set(key, scoped);
    return this.#use(scoped, call, deadline);
  }

  /** Ends what nobody used for long. */
  sweep(now: number): void {
    for (const [key, scoped] of this.#lines) if (scoped.busy === 0 && now - scoped.lastUsedMs >= this.#limits.scopeIdleMs) this.#end(key, scoped);
  }

  async close(): Promise<void> {
    for (const [key, scoped] of this.#lines) this.#end(key, scoped);
    await Promise.all(this.#closing);
  }

  async #use(scoped: Scoped, call: HttpCall, deadline: CallDeadline): Promise<UpstreamReply> {
    scoped.busy += 1;
    try {
      return await scoped.line.call(call, deadline);
    } finally {
      scoped.busy -= 1;
      scoped.lastUsedMs = performance.now();
    }
  }

  #endLongestIdle(): boolean {
    for (const [key, scoped] of this.#lines) {
      if (scoped.busy > 0) continue;
      this.#end(key, scoped);
      return true;
    }
    return false;
  }

  #end(key: string, { line }: Scoped): void {
    this.#lines.delete(key);
    const closing = line.close().finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }
}
