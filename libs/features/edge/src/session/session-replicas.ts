import { sessionChanged, sessionKnown, sessionsEnded, sessionWanted, type SessionState } from '@mcpgw/contracts';
import { isLogLevel } from '@mcpgw/core-mcp-wire';
import type { Bus, Subscription } from '@mcpgw/platform-bus';
import { EdgePeers } from './edge-peers.js';
import type { EndedSessions, SessionEnd } from './ended-sessions.js';
import type { SessionRow, SessionTable, WatchedUri } from './session-table.js';

/** What a session's change says besides that it was used. */
export interface SessionChange {
  readonly logLevel?: string;
  readonly watch?: WatchedUri;
  readonly unwatch?: WatchedUri;
  readonly client?: NonNullable<SessionState['client']>;
}

/** Waiting for somebody who knows a session: others answer from memory, so silence for this long means that nobody does. */
const ASK_MS = 250;
/** Sessions that are asked about at once. */
const MAX_ASKED = 1_000;
const MAX_IDS = 1_000;

/**
 * Keeps this edge's table like those of the others: hears their changes, tells its own, and asks when a client presents a
 * session that it has never heard of. Events may be lost; what is lost is asked for when it is needed.
 */
export class SessionReplicas {
  private readonly peers: EdgePeers;
  private subscriptions: readonly Subscription[] = [];
  private readonly asked = new Map<string, { readonly answer: Promise<void>; readonly done: () => void }>();

  constructor(
    private readonly bus: Bus,
    private readonly edge: string,
    private readonly table: SessionTable,
    private readonly ended: EndedSessions,
    /** Sessions that ended elsewhere, and changes that were made elsewhere. */
    private readonly heard: { ended(ids: readonly string[]): void; changed(row: SessionRow): void },
  ) {
    this.peers = new EdgePeers(bus, edge);
  }

  start(): void {
    const { bus, edge } = this;
    this.peers.start();
    this.subscriptions = [
      bus.subscribe(sessionKnown, (news) => this.fromOthers(news, () => this.learn(news.session))),
      bus.subscribe(sessionKnown, (news) => this.learn(news.session), { as: edge }),
      bus.subscribe(sessionChanged, (news) => this.fromOthers(news, () => (this.change(news), this.peers.acknowledge(news.edge, news.heard)))),
      bus.subscribe(sessionsEnded, (news) => this.fromOthers(news, () => (this.end(news.ids, news.why), this.peers.acknowledge(news.edge, news.heard)))),
      bus.subscribe(sessionsEnded, (news) => this.end(news.ids, news.why), { as: edge }),
      bus.subscribe(sessionWanted, (wanted) => this.fromOthers(wanted, () => this.answer(wanted.edge, wanted.id))),
    ];
  }

  async close(): Promise<void> {
    await this.peers.close();
    await Promise.all(this.subscriptions.map((subscription) => subscription.close()));
  }

  tellKnown(row: SessionRow): void {
    this.bus.publish(sessionKnown, { edge: this.edge, session: row.state() });
  }

  tellUse(row: SessionRow): void {
    row.toldAtMs = row.usedAtMs;
    this.bus.publish(sessionChanged, { edge: this.edge, id: row.id, usedAtMs: row.usedAtMs });
  }

  /** Resolves once every other edge acts on it: the client may send its next request to any of them. Never rejects. */
  tellChange(row: SessionRow, change: SessionChange): Promise<void> {
    row.toldAtMs = row.usedAtMs;
    return this.peers.tell((heard) => this.bus.publish(sessionChanged, { edge: this.edge, id: row.id, usedAtMs: row.usedAtMs, ...change, ...(heard === undefined ? {} : { heard }) }));
  }

  /** As `tellChange`. */
  tellEnd(id: string): Promise<void> {
    return this.peers.tell((heard) => this.bus.publish(sessionsEnded, { edge: this.edge, ids: [id], why: 'ended', ...(heard === undefined ? {} : { heard }) }));
  }

  tellCrowded(ids: readonly string[]): void {
    for (let from = 0; from < ids.length; from += MAX_IDS) this.bus.publish(sessionsEnded, { edge: this.edge, ids: ids.slice(from, from + MAX_IDS), why: 'crowded' });
  }

  /** Resolves once somebody has said what they know of the session, or nobody has for a while. Never rejects. */
  ask(id: string): Promise<void> {
    const asked = this.asked.get(id);
    if (asked) return asked.answer;
    if (this.asked.size >= MAX_ASKED || this.bus.problem() !== undefined) return Promise.resolve();
    let done = (): void => undefined;
    const answer = new Promise<void>((resolve) => {
      const timer = setTimeout(() => done(), ASK_MS).unref();
      done = () => {
        clearTimeout(timer);
        this.asked.delete(id);
        resolve();
      };
    });
    this.asked.set(id, { answer, done });
    this.bus.publish(sessionWanted, { edge: this.edge, id });
    return answer;
  }

  /** Every edge hears its own events too. */
  private fromOthers({ edge }: { readonly edge: string }, act: () => void): void {
    if (edge !== this.edge) act();
  }

  private learn(state: SessionState): void {
    if (!this.ended.revive(state.id)) return;
    const row = this.table.learn(state);
    this.asked.get(state.id)?.done();
    this.heard.changed(row);
  }

  private change({ id, usedAtMs, logLevel, watch, unwatch, client }: { readonly id: string; readonly usedAtMs: number } & { readonly [Key in keyof SessionChange]: SessionChange[Key] | undefined }): void {
    const row = this.table.get(id);
    if (!row) return;
    if (isLogLevel(logLevel)) row.logLevel = logLevel;
    if (watch) row.watch(watch);
    if (unwatch) row.unwatch(unwatch);
    if (client) row.client = client;
    this.table.touch(row, usedAtMs);
    if (watch ?? unwatch) this.heard.changed(row);
  }

  private end(ids: readonly string[], why: SessionEnd): void {
    const over: string[] = [];
    for (const id of ids) {
      const row = this.table.get(id);
      if (row && why === 'crowded' && row.held > 0) {
        this.tellKnown(row);
        continue;
      }
      this.table.remove(id);
      this.ended.add(id, why);
      this.asked.get(id)?.done();
      over.push(id);
    }
    if (over.length > 0) this.heard.ended(over);
  }

  private answer(edge: string, id: string): void {
    const row = this.table.get(id);
    if (row) return this.bus.publish(sessionKnown, { edge: this.edge, session: row.state() }, { to: edge });
    const why = this.ended.why(id);
    if (why) this.bus.publish(sessionsEnded, { edge: this.edge, ids: [id], why }, { to: edge });
  }
}
