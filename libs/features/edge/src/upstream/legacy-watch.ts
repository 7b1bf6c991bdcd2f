import type { UpstreamReply } from '@mcpgw/contracts';
import { isObject } from '@mcpgw/core-mcp-wire';
import { CallDeadline } from './call-deadline.js';
import type { LegacyLine } from './line.js';

const REQUEST_TIMEOUT_MS = 10_000;
const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 60_000;

/**
 * Keeps a legacy server subscribed to what is watched: subscribes and unsubscribes as the set changes, all anew on a new
 * session, and again later when the server is away. A resource that the server refuses is not asked for twice on one session.
 */
export class LegacyWatch {
  readonly #line: Pick<LegacyLine, 'session' | 'call'>;
  readonly #onWatched: (uri: string) => void;
  #wanted: ReadonlySet<string> = new Set();
  #told = new Set<string>();
  #session: unknown;
  #isSyncing = false;
  #again = false;
  #closed = false;
  #retry: NodeJS.Timeout | undefined;
  #delayMs = FIRST_RETRY_MS;

  /** `onWatched`: from now on changes are told; what happened since it was asked for, or while the session was gone, was not. */
  constructor(line: Pick<LegacyLine, 'session' | 'call'>, onWatched: (uri: string) => void) {
    this.#line = line;
    this.#onWatched = onWatched;
  }

  set(uris: ReadonlySet<string>): void {
    this.#wanted = uris;
    this.renew();
  }

  /** The session may be another one than before. */
  renew(): void {
    if (this.#closed || (this.#wanted.size === 0 && this.#told.size === 0)) return;
    this.#again = true;
    if (!this.#isSyncing) void this.#sync();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#retry);
  }

  async #sync(): Promise<void> {
    this.#isSyncing = true;
    clearTimeout(this.#retry);
    try {
      while (this.#again && !this.#closed) {
        this.#again = false;
        await this.#round();
      }
      this.#delayMs = FIRST_RETRY_MS;
    } catch {
      // Away, or failing: the calls say so with all details; here it is only tried again.
      if (!this.#closed) this.#retry = setTimeout(() => this.renew(), this.#delayMs).unref();
      this.#delayMs = Math.min(this.#delayMs * 2, LAST_RETRY_MS);
    } finally {
      this.#isSyncing = false;
    }
  }

  async #round(): Promise<void> {
    const session = await this.#line.session();
    if (session !== this.#session) this.#told = new Set();
    this.#session = session;
    const { resources } = session.handshake.capabilities;
    if (!isObject(resources) || resources['subscribe'] !== true) return;
    for (const uri of this.#wanted) {
      if (this.#closed || this.#again) return;
      if (this.#told.has(uri)) continue;
      const reply = await this.#request('resources/subscribe', uri);
      this.#told.add(uri);
      if ('result' in reply) this.#onWatched(uri);
    }
    for (const uri of this.#told) {
      if (this.#closed || this.#again) return;
      if (this.#wanted.has(uri)) continue;
      await this.#request('resources/unsubscribe', uri);
      this.#told.delete(uri);
    }
  }

  async #request(method: string, uri: string): Promise<UpstreamReply> {
    const deadline = new CallDeadline(REQUEST_TIMEOUT_MS);
    try {
      return await this.#line.call({ method, params: { uri }, timeoutMs: REQUEST_TIMEOUT_MS }, deadline);
    } finally {
      deadline.dispose();
    }
  }
}
