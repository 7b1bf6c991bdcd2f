/** Ids of sessions that their clients ended here, the latest `max` of them. One that falls out lives on until it is too old, and still serves only its owner. */
export class EndedSessions {
  private readonly ids = new Set<string>();

  constructor(private readonly max: number) {}

  add(id: string): void {
    this.ids.add(id);
    if (this.ids.size > this.max) for (const oldest of this.ids) return void this.ids.delete(oldest);
  }

  has(id: string): boolean {
    return this.ids.has(id);
  }
}
