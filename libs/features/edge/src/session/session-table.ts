import { MAX_SESSION_URI_CHARACTERS, MAX_SESSION_URIS, type SessionState } from '@mcpgw/contracts';
import { isLogLevel, type LogLevel } from '@mcpgw/core-mcp-wire';

/** A resource as the client of a session names it: its URI at an endpoint. */
export interface WatchedUri {
  /** Empty for `/mcp`. */
  readonly route: string;
  readonly uri: string;
}

/** What a legacy client has set in its session, and how it is used here. */
export class SessionRow {
  logLevel: LogLevel | undefined;
  client: SessionState['client'];
  /** Calls and streams that it has open at this edge: such a session is neither idle nor crowded out. */
  held = 0;
  /** When the other edges last heard of its use. */
  toldAtMs: number;
  private readonly uris = new Map<string, WatchedUri>();
  private uriCharacters = 0;

  constructor(
    readonly id: string,
    readonly subject: string,
    public usedAtMs: number,
  ) {
    this.toldAtMs = usedAtMs;
  }

  /** As another edge knows it. In place: calls under way look at this row. */
  become({ usedAtMs, logLevel, watched, client }: SessionState): void {
    this.usedAtMs = Math.max(this.usedAtMs, usedAtMs);
    if (isLogLevel(logLevel)) this.logLevel = logLevel;
    this.client = client;
    this.uris.clear();
    this.uriCharacters = 0;
    for (const each of watched) this.watch(each);
  }

  get watched(): readonly WatchedUri[] {
    return [...this.uris.values()];
  }

  /** False at the bound, with nothing changed. */
  watch(watched: WatchedUri): boolean {
    const key = keyOf(watched);
    if (this.uris.has(key)) return true;
    if (this.uris.size >= MAX_SESSION_URIS || this.uriCharacters + key.length > MAX_SESSION_URI_CHARACTERS) return false;
    this.uris.set(key, watched);
    this.uriCharacters += key.length;
    return true;
  }

  unwatch(watched: WatchedUri): void {
    const key = keyOf(watched);
    if (this.uris.delete(key)) this.uriCharacters -= key.length;
  }

  state(): SessionState {
    const { id, subject, usedAtMs, logLevel, watched, client } = this;
    return { id, subject, usedAtMs, watched: [...watched], ...(logLevel === undefined ? {} : { logLevel }), ...(client === undefined ? {} : { client }) };
  }
}

function keyOf({ route, uri }: WatchedUri): string {
  return `${route} ${uri}`;
}

export interface SessionLimits {
  readonly max: number;
  readonly maxPerPrincipal: number;
  readonly idleMs: number;
}

/** Moving a row to the end of its queues for every request of a burst would be work for nothing. */
const ORDER_PRECISION_MS = 1_000;
/** Rows of other edges may exceed the bound by this much before some go: the edge that let them in makes room and says so. */
const REMOTE_SLACK = 1.1;

/** All sessions that this edge knows, longest unused first. Bounded in all and for each principal. */
export class SessionTable {
  private readonly rows = new Map<string, SessionRow>();
  private readonly bySubject = new Map<string, Map<string, SessionRow>>();

  constructor(private readonly limits: SessionLimits) {}

  get size(): number {
    return this.rows.size;
  }

  get(id: string): SessionRow | undefined {
    return this.rows.get(id);
  }

  /** The ids that had to go for a session that begins here; `undefined`, and nothing changed, when all that might go are busy. */
  add(row: SessionRow): readonly string[] | undefined {
    const own = this.bySubject.get(row.subject);
    const crowded: SessionRow[] = [];
    if (own && own.size >= this.limits.maxPerPrincipal) {
      const oldest = oldestIdle(own);
      if (!oldest) return undefined;
      crowded.push(oldest);
    }
    if (this.rows.size - crowded.length >= this.limits.max) {
      const oldest = oldestIdle(this.rows);
      if (!oldest) return undefined;
      crowded.push(oldest);
    }
    for (const { id } of crowded) this.remove(id);
    this.put(row);
    return crowded.map(({ id }) => id);
  }

  /** Takes in a session that another edge told of. */
  learn(state: SessionState): SessionRow {
    const row = this.remove(state.id) ?? new SessionRow(state.id, state.subject, state.usedAtMs);
    row.become(state);
    this.put(row);
    if (this.rows.size > this.limits.max * REMOTE_SLACK) {
      const oldest = oldestIdle(this.rows);
      if (oldest) this.remove(oldest.id);
    }
    return row;
  }

  touch(row: SessionRow, nowMs: number): void {
    if (nowMs - row.usedAtMs < ORDER_PRECISION_MS) return;
    row.usedAtMs = nowMs;
    if (!this.rows.delete(row.id)) return;
    this.rows.set(row.id, row);
    const own = this.bySubject.get(row.subject);
    own?.delete(row.id);
    own?.set(row.id, row);
  }

  remove(id: string): SessionRow | undefined {
    const row = this.rows.get(id);
    if (!row) return undefined;
    this.rows.delete(id);
    const own = this.bySubject.get(row.subject);
    own?.delete(id);
    if (own?.size === 0) this.bySubject.delete(row.subject);
    return row;
  }

  /** Forgets what nobody has used for too long. Rows that are held count as used now. */
  expire(nowMs: number): readonly string[] {
    const expired: string[] = [];
    for (const row of this.rows.values()) {
      if (nowMs - row.usedAtMs <= this.limits.idleMs) break;
      if (row.held > 0) this.touch(row, nowMs);
      else expired.push(row.id);
    }
    for (const id of expired) this.remove(id);
    return expired;
  }

  held(): readonly SessionRow[] {
    return [...this.rows.values()].filter((row) => row.held > 0);
  }

  private put(row: SessionRow): void {
    this.rows.set(row.id, row);
    const own = this.bySubject.get(row.subject);
    if (own) own.set(row.id, row);
    else this.bySubject.set(row.subject, new Map([[row.id, row]]));
  }
}

function oldestIdle(rows: ReadonlyMap<string, SessionRow>): SessionRow | undefined {
  for (const row of rows.values()) if (row.held === 0) return row;
  return undefined;
}
