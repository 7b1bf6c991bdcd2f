import { GatewayError, type OrganizationName, type ServerConfig, type ServerDefinition, type ServerName, type UpstreamReply } from '@mcpgw/contracts';
import { discoverServer, isObject, LATEST_MODERN_VERSION, readDiscoverResult, UNSUPPORTED_PROTOCOL_VERSION, type ClientInfo, type Handshake, type RpcError } from '@mcpgw/core-mcp-wire';
import type { Logger } from '@mcpgw/platform-runtime';
import type { UpstreamCall, UpstreamPort } from '../ports.js';
import { ConnectionPools } from './connection-pools.js';
import { HttpServerConnection } from './http-server-connection.js';
import { DEFAULT_HTTP_UPSTREAM_LIMITS, targetDigest, type HttpTarget, type HttpUpstreamLimits } from './http-target.js';
import type { TaskListeners } from './modern-listen.js';
import { UpstreamRefusal } from './upstream-faults.js';

export interface HttpUpstreamsOptions {
  /** The server's HTTP part at this revision, secrets substituted; undefined when the edge doesn't know it. */
  readonly resolve: (organization: OrganizationName, server: ServerName, revision: number) => HttpTarget | undefined;
  readonly clientInfo: ClientInfo;
  readonly logger: Logger;
  /** A server said that its lists changed. May come often: the receiver must make few of many. */
  readonly onListChanged: (organization: OrganizationName, server: ServerName) => void;
  /** A server said that a resource changed; as often as it likes, too. */
  readonly onResourceUpdated?: (organization: OrganizationName, server: ServerName, uri: string) => void;
  readonly limits?: Partial<HttpUpstreamLimits>;
}

/** A connection in use. One that `closing` names gets no new calls. */
interface Held {
  readonly organization: OrganizationName;
  readonly server: ServerName;
  readonly digest: string;
  readonly connection: HttpServerConnection;
  closing: boolean;
}

const SOMEBODY = { size: 1 };
const NOBODY = { size: 0 };
const SWEEP_MS = 30_000;
const MAX_PROBE_MS = 5_000;

/**
 * HTTP servers as an UpstreamPort. One connection object per organization, server and target (address, credentials, era), made
 * on the first call. A new revision with the same target keeps it: sessions outlive what doesn't concern them.
 */
export class HttpUpstreams implements UpstreamPort {
  readonly #options: HttpUpstreamsOptions;
  readonly #limits: HttpUpstreamLimits;
  readonly #pools: ConnectionPools;
  /** In the order in which they were opened. */
  readonly #held = new Map<string, Held>();
  /** Spares the hot path the digest: the resolver gives the same object while nothing changed. */
  readonly #byTarget = new WeakMap<HttpTarget, Held>();
  readonly #sweeper: NodeJS.Timeout;
  #closed = false;

  constructor(options: HttpUpstreamsOptions) {
    this.#options = options;
    this.#limits = { ...DEFAULT_HTTP_UPSTREAM_LIMITS, ...options.limits };
    this.#pools = new ConnectionPools(this.#limits);
    this.#sweeper = setInterval(() => this.sweep(), SWEEP_MS).unref();
  }

  /** Servers held and pools open: for the status. */
  get sizes(): { readonly servers: number; readonly pools: number } {
    return { servers: this.#held.size, pools: this.#pools.size };
  }

  async invoke(call: UpstreamCall, signal: AbortSignal): Promise<UpstreamReply> {
    const target = this.#options.resolve(call.organization, call.server, call.revision);
    if (target === undefined) throw new GatewayError('upstream_failed', `Server "${call.server}" is not known to this gateway at revision ${call.revision}. Try again.`);
    return this.#connection(call.organization, call.server, target).call(call, signal);
  }

  /**
   * Finds out the server's era and transport and all that it offers. `headers` are the configured ones with secrets substituted.
   * A session that calls use already is used here too; one made for this is ended.
   */
  async discover(config: ServerConfig, headers: Readonly<Record<string, string>>): Promise<ServerDefinition> {
    if (config.http === undefined) throw new GatewayError('invalid_params', `Server "${config.name}" is not an HTTP server.`);
    const { url, allowPrivateNetwork } = config.http;
    const target = (kind: Pick<HttpTarget, 'era' | 'transport'>): HttpTarget => ({ url, headers, allowPrivateNetwork, ...kind });
    const endsAt = performance.now() + this.#limits.discoverTimeoutMs;
    const modern = this.#open(config.organization, config.name, target({ era: 'modern' }), false);
    try {
      const handshake = await this.#probe(modern);
      if (handshake !== undefined) return await list(modern, handshake, endsAt);
    } finally {
      await modern.close('now');
    }
    try {
      return await this.#discoverLegacy(config, target({ era: 'legacy' }), endsAt);
    } catch (error) {
      if (!mayBeOldTransport(error)) throw error;
      // The first refusal says more, unless the old transport is really there.
      return { ...(await this.#discoverLegacy(config, target({ era: 'legacy', transport: 'sse' }), endsAt).catch(() => Promise.reject(error))), transport: 'sse' };
    }
  }

  /** Has the server tell of these resources, and of no others, from wherever it is now. Throws when it can't be called at all. */
  watch(organization: OrganizationName, server: ServerName, uris: ReadonlySet<string>): void {
    this.#watch(organization, server, uris, (connection, watched) => connection.watch(watched), new Set());
  }

  /** The same for tasks of a modern server; each hears of its own (tasks extension, `notifications/tasks`). */
  watchTasks(organization: OrganizationName, server: ServerName, tasks: TaskListeners): void {
    this.#watch(organization, server, tasks, (connection, watched) => connection.watchTasks(watched), new Map());
  }

  /** Whether somebody wants to hear that the server's lists change. */
  attend(organization: OrganizationName, server: ServerName, wanted: boolean): void {
    this.#watch(organization, server, wanted ? SOMEBODY : NOBODY, (connection, { size }) => connection.attend(size > 0), NOBODY);
  }

  #watch<T extends { readonly size: number }>(organization: OrganizationName, server: ServerName, watched: T, tell: (connection: HttpServerConnection, watched: T) => void, nothing: T): void {
    const target = this.#options.resolve(organization, server, 0);
    const held = target === undefined || this.#closed ? undefined : this.#hold(organization, server, target, watched.size > 0);
    // Where the server was before, nothing needs to be heard any more.
    for (const other of this.#held.values()) if (other.organization === organization && other.server === server && other !== held) tell(other.connection, nothing);
    if (held !== undefined) tell(held.connection, watched);
  }

  /** Closes the connections of servers that are gone, once their calls are answered. Call it when the configuration changed. */
  retain(isConfigured: (organization: OrganizationName, server: ServerName) => boolean): void {
    for (const [key, held] of this.#held) if (!isConfigured(held.organization, held.server)) this.#retire(key, held);
  }

  /** Closes what nobody used for long; runs by itself every half a minute. */
  sweep(): void {
    const now = performance.now();
    const newer = new Set<string>();
    for (const [key, held] of [...this.#held].reverse()) {
      const name = `${held.organization}/${held.server}`;
      const idleMs = newer.has(name) ? this.#limits.supersededIdleMs : this.#limits.idleMs;
      newer.add(name);
      held.connection.sweep(now);
      if (held.connection.pending === 0 && !held.connection.isWatching && now - held.connection.lastUsedMs >= idleMs) this.#retire(key, held);
    }
  }

  /** Ends sessions, then cuts all connections; answers at most a few seconds later. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#sweeper);
    const all = [...this.#held.values()];
    this.#held.clear();
    for (const held of all) held.closing = true;
    await Promise.all(all.map(({ connection }) => connection.close('now')));
    await this.#pools.destroy();
  }

  #connection(organization: OrganizationName, server: ServerName, target: HttpTarget): HttpServerConnection {
    const known = this.#byTarget.get(target);
    if (known !== undefined && !known.closing && known.server === server && known.organization === organization) return known.connection;
    if (this.#closed) throw new GatewayError('upstream_failed', `Server "${server}" is not called: the gateway is shutting down.`);
    const held = this.#hold(organization, server, target, true) as Held;
    this.#byTarget.set(target, held);
    return held.connection;
  }

  /** The connection to this target; undefined when there is none and `make` says not to make one. */
  #hold(organization: OrganizationName, server: ServerName, target: HttpTarget, make: boolean): Held | undefined {
    const digest = targetDigest(target);
    const key = `${organization}/${server}/${digest}`;
    let held = this.#held.get(key);
    if (held !== undefined) {
      held.connection.tools = target.tools ?? [];
      return held;
    }
    if (!make) return undefined;
    if (this.#held.size >= this.#limits.maxServers) this.#retireLongestUnused();
    held = { organization, server, digest, connection: this.#open(organization, server, target, true), closing: false };
    this.#held.set(key, held);
    return held;
  }

  #open(organization: OrganizationName, server: ServerName, target: HttpTarget, listen: boolean): HttpServerConnection {
    const { clientInfo, onListChanged, onResourceUpdated } = this.#options;
    // What is being discovered needs no news of its lists: a server that tells of changes whenever it is asked would be asked for ever.
    const news = { onListChanged: () => (listen ? onListChanged(organization, server) : undefined), onResourceUpdated: (uri: string) => onResourceUpdated?.(organization, server, uri) };
    return new HttpServerConnection({ server, target, pools: this.#pools, limits: this.#limits, clientInfo, news, listen });
  }

  async #discoverLegacy(config: ServerConfig, target: HttpTarget, endsAt: number): Promise<ServerDefinition> {
    const inUse = this.#inUse(config, target);
    const connection = inUse ?? this.#open(config.organization, config.name, target, false);
    try {
      return await list(connection, await connection.handshake(), endsAt);
    } finally {
      if (inUse === undefined) await connection.close('now');
    }
  }

  #inUse(config: ServerConfig, target: HttpTarget): HttpServerConnection | undefined {
    return this.#held.get(`${config.organization}/${config.name}/${targetDigest(target)}`)?.connection;
  }

  /**
   * `server/discover` decides the era. Whatever is not a modern answer means legacy: servers of that era refuse an unknown
   * first request in every way there is. One that is down or refuses us fails once more at `initialize`, and says so there.
   * A refusal of our version that lists our version is that of a modern server and asks for another try (2026-07-28, versioning).
   */
  async #probe(connection: HttpServerConnection, triesLeft = 1): Promise<Handshake | undefined> {
    try {
      const reply = await connection.call({ method: 'server/discover', params: {}, timeoutMs: Math.min(MAX_PROBE_MS, this.#limits.handshakeTimeoutMs) }, undefined, 'discovery');
      if (triesLeft > 0 && 'error' in reply && supportsOurVersion(reply.error)) return await this.#probe(connection, triesLeft - 1);
      const read = 'result' in reply ? readDiscoverResult(reply.result) : undefined;
      return read?.ok === true ? read.handshake : undefined;
    } catch {
      return undefined;
    }
  }

  #retire(key: string, held: Held): void {
    this.#held.delete(key);
    held.closing = true;
    held.connection.close('idle').catch((error: unknown) => this.#options.logger.warn({ err: error, server: held.server }, 'could not close an upstream'));
  }

  #retireLongestUnused(): void {
    let oldest: [string, Held] | undefined;
    for (const entry of this.#held) if (oldest === undefined || entry[1].connection.lastUsedMs < oldest[1].connection.lastUsedMs) oldest = entry;
    if (oldest !== undefined) this.#retire(...oldest);
  }
}

function list(connection: HttpServerConnection, handshake: Handshake, endsAt: number): Promise<ServerDefinition> {
  return discoverServer((method, params) => connection.call({ method, params, timeoutMs: endsAt - performance.now() }, undefined, 'discovery'), handshake);
}

function supportsOurVersion(error: RpcError): boolean {
  const supported = error.code === UNSUPPORTED_PROTOCOL_VERSION && isObject(error.data) ? error.data['supported'] : undefined;
  return Array.isArray(supported) && supported.includes(LATEST_MODERN_VERSION);
}

/** Streamable HTTP refused in a way that a server of MCP 2024-11-05 would use, and no modern server (2025-11-25, transports, backwards compatibility). */
function mayBeOldTransport(error: unknown): boolean {
  return error instanceof UpstreamRefusal && (error.status === 400 || error.status === 404 || error.status === 405) && !(error.rpcCode !== undefined && error.rpcCode <= -32020 && error.rpcCode > -32100);
}
