import type { Flow } from './flow.js';

/** How long a flow waits for its client. Shorter than a question may stay open on the bus. */
const SUSPENDED_MS = 590_000;
/** How long the end of a call is kept for a client that wasn't there to hear it. */
const ENDED_MS = 60_000;
/** From the call's beginning, whatever its client does. */
const LONGEST_MS = 3_600_000;

interface Row {
  readonly flow: Flow;
  readonly since: number;
  timer: NodeJS.Timeout | undefined;
}

/** The flows of this process that clients may come back to: bounded in time, in number, and for each subject. */
export class FlowTable {
  private readonly rows = new Map<string, Row>();
  private readonly bySubject = new Map<string, Set<string>>();

  constructor(private readonly limits: { readonly max: number; readonly maxOfSubject: number; readonly suspendedMs?: number }) {}

  get size(): number {
    return this.rows.size;
  }

  get(id: string): Flow | undefined {
    return this.rows.get(id)?.flow;
  }

  get lifetimeMs(): number {
    return this.limits.suspendedMs ?? SUSPENDED_MS;
  }

  /** The flow waits for its client from `now` on. Where there is no room, the oldest makes some: ended ones first, then those that wait for their client. */
  wait(flow: Flow, now: number): void {
    const row = this.rows.get(flow.id) ?? this.add(flow, now);
    clearTimeout(row.timer);
    row.timer = setTimeout(() => this.drop(flow), Math.max(0, Math.min(this.lifetimeMs, row.since + LONGEST_MS - now))).unref();
  }

  /** A client is back. */
  busy(flow: Flow): void {
    clearTimeout(this.rows.get(flow.id)?.timer);
  }

  /** Over, and nobody has heard of it yet. */
  keepEnd(flow: Flow): void {
    const row = this.rows.get(flow.id);
    if (!row) return;
    clearTimeout(row.timer);
    row.timer = setTimeout(() => this.remove(flow), ENDED_MS).unref();
  }

  remove(flow: Flow): void {
    const row = this.rows.get(flow.id);
    if (!row) return;
    clearTimeout(row.timer);
    this.rows.delete(flow.id);
    const { subject } = flow.trip.admitted;
    const own = this.bySubject.get(subject);
    own?.delete(flow.id);
    if (own?.size === 0) this.bySubject.delete(subject);
  }

  clear(): void {
    for (const { flow } of this.rows.values()) this.drop(flow);
  }

  private add(flow: Flow, now: number): Row {
    const { subject } = flow.trip.admitted;
    const own = this.bySubject.get(subject) ?? new Set<string>();
    if (own.size >= this.limits.maxOfSubject) this.makeRoom(own);
    if (this.rows.size >= this.limits.max) this.makeRoom(this.rows.keys());
    const row: Row = { flow, since: now, timer: undefined };
    this.rows.set(flow.id, row);
    this.bySubject.set(subject, own.add(flow.id));
    return row;
  }

  private makeRoom(oldestFirst: Iterable<string>): void {
    let waiting: Flow | undefined;
    let oldest: Flow | undefined;
    for (const id of oldestFirst) {
      const flow = this.get(id);
      if (flow?.arrival) return this.remove(flow);
      oldest ??= flow;
      if (!flow?.isAttended) waiting ??= flow;
    }
    const victim = waiting ?? oldest;
    if (victim) this.drop(victim);
  }

  private drop(flow: Flow): void {
    this.remove(flow);
    flow.cancel();
  }
}
