import { Pool } from 'undici';
import { publicOnlyConnector } from './dial-guard.js';

export interface PoolLimits {
  readonly connectionsPerOrigin: number;
  readonly connectTimeoutMs: number;
}

/** A share in the connections to one origin; give it back with `release`. */
export interface PoolShare {
  readonly pool: Pool;
  /**
   * For what stays open long (event streams, calls that may wait for a person) and for what must never wait behind it: answers
   * to the server and cancellations. Without this, as many open questions as there are connections would block each other's answers.
   */
  readonly side: Pool;
  release(): void;
}

/** Bounds streams and sessions of all servers at one origin; each server has its own bounds below this. */
const SIDE_CONNECTIONS = 2_048;

interface Pools {
  readonly pool: Pool;
  readonly side: Pool;
}

/**
 * One pair of undici pools per origin and network permission, shared by all servers there, closed when its last share is released.
 * Redirects, compression and proxies are not in play: what is dialled is what is configured.
 */
export class ConnectionPools {
  readonly #limits: PoolLimits;
  readonly #pools = new Map<string, Pools & { shares: number }>();
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
      const { connectionsPerOrigin } = this.#limits;
      entry = { pool: this.#open(origin, allowPrivateNetwork, connectionsPerOrigin), side: this.#open(origin, allowPrivateNetwork, SIDE_CONNECTIONS), shares: 0 };
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
      for (const pool of [held.pool, held.side]) this.#close(pool);
    };
    return { pool: held.pool, side: held.side, release };
  }

  /** Cuts every connection. */
  async destroy(): Promise<void> {
    const pools = [...[...this.#pools.values()].flatMap(({ pool, side }) => [pool, side]), ...this.#closing];
    this.#pools.clear();
    await Promise.all(pools.map((pool) => pool.destroy()));
  }

  /** Waits for requests under way; each of them has a deadline. */
  #close(pool: Pool): void {
    this.#closing.add(pool);
    void pool
      .close()
      .catch(() => pool.destroy())
      .finally(() => this.#closing.delete(pool));
  }

  #open(origin: string, allowPrivateNetwork: boolean, connections: number): Pool {
    const { connectTimeoutMs } = this.#limits;
    return new Pool(origin, {
      connections,
      // Every exchange has a deadline of its own.
      headersTimeout: 0,
      bodyTimeout: 0,
      allowH2: false,
      connect: allowPrivateNetwork ? { timeout: connectTimeoutMs, allowH2: false } : publicOnlyConnector({ connectTimeoutMs }),
    });
  }
}
