import { createSecretKey } from 'node:crypto';
import { Inject, Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import type { LogLevel } from '@mcpgw/core-mcp-wire';
import type { Bus } from '@mcpgw/platform-bus';
import { BUS, CLOCK, HEALTH, KEY_FILES, type Clock, type Health, type KeyFiles } from '@mcpgw/platform-runtime';
import { EDGE_CONFIG, type EdgeConfig } from '../edge.config.js';
import { EndedSessions } from './ended-sessions.js';
import { SessionReplicas, type SessionChange } from './session-replicas.js';
import { SessionSeal, type Session } from './session-seal.js';
import { SessionRow, SessionTable, type WatchedUri } from './session-table.js';

const MAX_ENDED = 10_000;
const SWEEP_MS = 15_000;
/** Others hear of a session's use at most this often, and at least six times before it would count as idle. */
const TELL_EVERY_MS = 300_000;
/** Clocks of two machines may differ by this much. */
const CLOCK_SKEW_MS = 5_000;

/** What the client of a session may count on without having set it (MCP leaves the level before `logging/setLevel` to the server). */
const FIRST_LOG_LEVEL: LogLevel = 'info';

/** A session that is presented by its owner, as its token and its soft state say. */
export interface OpenSession extends Session {
  readonly state: SessionRow;
}

/** Who hears that a session is over, or that what it watches has changed, wherever that was. */
export interface SessionListener {
  sessionEnded(id: string): void;
  sessionChanged(row: SessionRow): void;
}

/**
 * Legacy sessions: sealed tokens, which any edge can read, and their soft state, which every edge keeps. A session that nobody
 * knows is over, unless it began before this edge could have heard of it: then it goes on with nothing set.
 */
@Injectable()
export class Sessions implements OnModuleInit, OnApplicationShutdown {
  private readonly seal: SessionSeal;
  private readonly ended = new EndedSessions(MAX_ENDED);
  private readonly table: SessionTable;
  private readonly replicas: SessionReplicas;
  private readonly listeners = new Set<SessionListener>();
  private readonly tellEveryMs: number;
  /** What began before this moment may have gone unheard. */
  private deafUntilMs: number;
  private stopListening = (): void => {};
  private timer: NodeJS.Timeout | undefined;

  constructor(
    @Inject(EDGE_CONFIG) config: EdgeConfig,
    @Inject(KEY_FILES) keyFiles: KeyFiles,
    @Inject(BUS) private readonly bus: Bus,
    @Inject(HEALTH) private readonly health: Health,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {
    this.seal = new SessionSeal(createSecretKey(keyFiles.symmetric('sessions')), config.sessionMaxAgeSeconds * 1_000);
    const idleMs = config.sessionIdleSeconds * 1_000;
    this.table = new SessionTable({ max: config.maxSessions, maxPerPrincipal: config.maxSessionsPerPrincipal, idleMs });
    this.tellEveryMs = Math.min(TELL_EVERY_MS, idleMs / 6);
    this.deafUntilMs = clock.now();
    this.replicas = new SessionReplicas(bus, health.instance, this.table, this.ended, {
      ended: (ids) => ids.forEach((id) => this.over(id)),
      changed: (row) => this.changed(row),
    });
  }

  onModuleInit(): void {
    this.health.detail('sessions', () => this.size);
    this.replicas.start();
    this.stopListening = this.bus.onReconnect(() => (this.deafUntilMs = this.clock.now()));
    this.timer = setInterval(() => this.sweep(), SWEEP_MS).unref();
  }

  async onApplicationShutdown(): Promise<void> {
    clearInterval(this.timer);
    this.stopListening();
    await this.replicas.close();
  }

  get size(): number {
    return this.table.size;
  }

  listen(listener: SessionListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** The new session's token; `undefined` when there are as many as may be and all that might make room are in use. */
  begin(session: Omit<Session, 'id' | 'issuedAtMs'>, nowMs = this.clock.now()): string | undefined {
    const token = this.seal.seal(session, nowMs);
    const sealed = this.seal.open(token, session.subject, nowMs);
    return sealed && this.admit(new SessionRow(sealed.id, sealed.subject, nowMs)) ? token : undefined;
  }

  /** `undefined` for what is malformed, another's, too old or over. A promise only when others have to be asked. */
  open(token: string, subject: string, nowMs = this.clock.now()): OpenSession | undefined | Promise<OpenSession | undefined> {
    const session = this.seal.open(token, subject, nowMs);
    if (!session || this.ended.has(session.id)) return undefined;
    const row = this.table.get(session.id);
    return row ? this.used(session, row, nowMs) : this.find(session, nowMs);
  }

  /** Call it for as long as something of the session is open here; the result ends that. */
  hold({ state }: OpenSession): () => void {
    state.held += 1;
    return () => void (state.held -= 1);
  }

  /** This and every other change resolve once all edges act on it. */
  setLogLevel({ state }: OpenSession, logLevel: LogLevel): Promise<void> {
    state.logLevel = logLevel;
    return this.replicas.tellChange(state, { logLevel });
  }

  logLevel(session: OpenSession | undefined): LogLevel {
    return session?.state.logLevel ?? FIRST_LOG_LEVEL;
  }

  /** False at the bound, with nothing changed. */
  async watch({ state }: OpenSession, watch: WatchedUri): Promise<boolean> {
    if (!state.watch(watch)) return false;
    this.changed(state);
    await this.replicas.tellChange(state, { watch });
    return true;
  }

  unwatch({ state }: OpenSession, unwatch: WatchedUri): Promise<void> {
    state.unwatch(unwatch);
    this.changed(state);
    return this.replicas.tellChange(state, { unwatch });
  }

  /** Who the client of a session is that began before its `initialize`. */
  introduce({ state }: OpenSession, client: NonNullable<SessionChange['client']>): Promise<void> {
    state.client = client;
    return this.replicas.tellChange(state, { client });
  }

  end({ id }: Session): Promise<void> {
    this.table.remove(id);
    this.ended.add(id, 'ended');
    this.over(id);
    return this.replicas.tellEnd(id);
  }

  private used(session: Session, row: SessionRow, nowMs: number): OpenSession {
    this.table.touch(row, nowMs);
    if (nowMs - row.toldAtMs > this.tellEveryMs) this.replicas.tellUse(row);
    const { client } = row;
    return client ? { ...session, protocolVersion: client.protocolVersion, clientName: client.name, capabilities: client.capabilities, state: row } : { ...session, state: row };
  }

  private async find(session: Session, nowMs: number): Promise<OpenSession | undefined> {
    await this.replicas.ask(session.id);
    const row = this.table.get(session.id);
    if (row) return this.used(session, row, nowMs);
    if (this.ended.has(session.id)) return undefined;
    if (session.issuedAtMs < this.deafUntilMs + CLOCK_SKEW_MS || this.bus.problem() !== undefined) {
      const adopted = new SessionRow(session.id, session.subject, nowMs);
      return this.admit(adopted) ? { ...session, state: adopted } : undefined;
    }
    this.ended.add(session.id, 'crowded');
    return undefined;
  }

  private admit(row: SessionRow): boolean {
    const crowded = this.table.add(row);
    if (!crowded) return false;
    for (const id of crowded) {
      this.ended.add(id, 'crowded');
      this.over(id);
    }
    if (crowded.length > 0) this.replicas.tellCrowded(crowded);
    this.replicas.tellKnown(row);
    return true;
  }

  /** Done every few seconds: ends what has not been used for too long, and tells the others what is in use. */
  sweep(): void {
    const nowMs = this.clock.now();
    for (const row of this.table.held()) {
      this.table.touch(row, nowMs);
      if (nowMs - row.toldAtMs > this.tellEveryMs) this.replicas.tellUse(row);
    }
    // Said to nobody: the edge that knows of a later use keeps the session and answers for it.
    for (const id of this.table.expire(nowMs)) this.over(id);
  }

  private over(id: string): void {
    for (const listener of this.listeners) listener.sessionEnded(id);
  }

  private changed(row: SessionRow): void {
    for (const listener of this.listeners) listener.sessionChanged(row);
  }
}
