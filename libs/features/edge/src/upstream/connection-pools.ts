import { Pool } from 'undici';
import { publicOnlyConnector } from './dial-guard.js';

export interface PoolLimits {
  readonly connectionsPerOrigin: number;
  readonly connectTimeoutMs: number;
}

/** A share in the pool of one origin; give it back with `release`. */
export interface PoolShare {
  readonly pool: Pool;
  release(): void;
}

/**
 * One undici pool per origin and network permission, shared by all servers there, closed when its last share is released.
 * Redirects, compression and proxies are not in play: what is dialled is what is configured.
 */
export class ConnectionPools {
  readonly #limits: PoolLimits;
  readonly #pools = new Map<string, { readonly pool: Pool; shares: number }>();
  /** Released, waiting for their last requests. */
  readonly #closing = new Set<Pool>();

  constructor(limits: PoolLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#pools.size;
  }

  acquire(origin: string, allowPrivateNetwork: boolean): PoolShare {
    // Two servers may name one origin with different permissions: they must not share connections.
    const key = `${allowPrivateNetwork ? 'any' : 'public'} ${origin}`;
    let entry = this.#pools.get(key);
    if (entry === undefined) {
      entry = { pool: this.#open(origin, allowPrivateNetwork), shares: 0 };
      this.#pools.set(key, entry);
    }
    const held = entry;
    held.shares += 1;
    let released = false;
    const release = (): void => {
      if (released) return;
      released = true;
      held.shares -= 1;
      if (held.shares > 0) return;
      this.#pools.delete(key);
      // Waits for requests under way; each of them has a deadline.
      this.#closing.add(held.pool);
      void held.pool
        .close()
        .catch(() => held.pool.destroy())
        .finally(() => this.#closing.delete(held.pool));
    };
    return { pool: held.pool, release };
  }

  /** Cuts every connection. */
  async destroy(): Promise<void> {
    const pools = [...[...this.#pools.values()].map(({ pool }) => pool), ...this.#closing];
    this.#pools.clear();
    await Promise.all(pools.map((pool) => pool.destroy()));
  }

  #open(origin: string, allowPrivateNetwork: boolean): Pool {
    const { connectionsPerOrigin, connectTimeoutMs } = this.#limits;
    return new Pool(origin, {
      connections: connectionsPerOrigin,
      // Every exchange has a deadline of its own.
      headersTimeout: 0,
      bodyTimeout: 0,
      allowH2: false,
      connect: allowPrivateNetwork ? { timeout: connectTimeoutMs, allowH2: false } : publicOnlyConnector({ connectTimeoutMs }),
    });
  }
}
