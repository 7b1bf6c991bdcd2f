/** `ended`: for good. `crowded`: made room for newer ones, unless an edge where it is in use objects. */
export type SessionEnd = 'ended' | 'crowded';

/** Ids of sessions that are known to be over, the latest `max` of them. One that falls out is unknown, and others are asked about it. */
export class EndedSessions {
  private readonly ids = new Map<string, SessionEnd>();

  constructor(private readonly max: number) {}

  add(id: string, why: SessionEnd): void {
    if (this.ids.get(id) !== 'ended') this.ids.set(id, why);
    if (this.ids.size > this.max) for (const oldest of this.ids.keys()) return void this.ids.delete(oldest);
  }

  has(id: string): boolean {
    return this.ids.has(id);
  }

  why(id: string): SessionEnd | undefined {
    return this.ids.get(id);
  }

  /** An edge said that it still has the session in use. False when it has ended for good. */
  revive(id: string): boolean {
    if (this.ids.get(id) === 'ended') return false;
    this.ids.delete(id);
    return true;
  }
}
