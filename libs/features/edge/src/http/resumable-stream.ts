/** One message of a stream, numbered from 1. */
export interface StreamEvent {
  readonly number: number;
  readonly json: string;
}

/** Where the events of a stream go: the client's connection, or another edge that has it. */
export interface StreamSink {
  event(event: StreamEvent): void;
  /** Nothing more will come; `event` is the last one. */
  end(event?: StreamEvent): void;
}

/** Of what a client may have missed, as much is kept; the answer always is. */
const MAX_EVENTS = 256;
const MAX_CHARACTERS = 262_144;

/**
 * An event stream that outlives its connection (MCP 2025-11-25, transports, resumability): its client comes back with the
 * number of the last event it has and gets the rest. Without a client it waits for a while, then it is given up.
 */
export class ResumableStream {
  private events: StreamEvent[] = [];
  private characters = 0;
  private lastNumber = 0;
  private sink: StreamSink | undefined;
  private timer: NodeJS.Timeout | undefined;
  private over = false;
  private given = false;
  private onGivenUp: (() => void) | undefined;

  constructor(
    readonly id: string,
    /** Whose it is: its session's id. */
    readonly session: string,
    private readonly waitMs: number,
    /** It is done with: given up, or over and kept for long enough. */
    private readonly onDone: (stream: ResumableStream) => void,
  ) {}

  /** No client has it at the moment: at the bound such a stream goes first. */
  get waiting(): boolean {
    return this.sink === undefined;
  }

  get ended(): boolean {
    return this.over;
  }

  get keptCharacters(): number {
    return this.characters;
  }

  /** What to do when no client comes back; not called for a stream that has ended. */
  whenGivenUp(action: () => void): void {
    this.onGivenUp = action;
    if (this.given) action();
  }

  send(json: string): void {
    if (this.over) return;
    const event = this.keep(json);
    this.sink?.event(event);
  }

  end(json?: string): void {
    if (this.over) return;
    this.over = true;
    const event = json === undefined ? undefined : this.keep(json);
    this.sink?.end(event);
    // Kept on: what has been sent may not have arrived.
    this.wait();
  }

  /** From now on events go to `sink`, beginning after `after`. Whoever had the stream before has it no more. */
  attach(sink: StreamSink, after: number): void {
    this.detach();
    clearTimeout(this.timer);
    this.sink = sink;
    const missed = this.after(after);
    if (!this.over) {
      for (const event of missed) sink.event(event);
      return;
    }
    for (const event of missed.slice(0, -1)) sink.event(event);
    sink.end(missed.at(-1));
    this.wait();
  }

  after(number: number): readonly StreamEvent[] {
    return this.events.filter((event) => event.number > number);
  }

  /** The client is gone; of several that came one after the other only the latest counts. */
  detach(sink = this.sink): void {
    if (this.sink !== sink || sink === undefined) return;
    this.sink = undefined;
    this.wait();
  }

  /** Closes the connection and leaves the stream open: its client comes back for the rest. */
  release(): void {
    const { sink } = this;
    this.detach();
    sink?.end();
  }

  /** Ends it without its client. */
  giveUp(): void {
    if (this.given) return;
    this.given = true;
    clearTimeout(this.timer);
    const { sink } = this;
    this.sink = undefined;
    sink?.end();
    this.events = [];
    this.onDone(this);
    if (!this.over) this.onGivenUp?.();
    this.over = true;
  }

  private wait(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.giveUp(), this.waitMs).unref();
  }

  private keep(json: string): StreamEvent {
    const event = { number: (this.lastNumber += 1), json };
    this.events.push(event);
    this.characters += json.length;
    while (this.events.length > 1 && (this.events.length > MAX_EVENTS || this.characters > MAX_CHARACTERS)) this.characters -= (this.events.shift() as StreamEvent).json.length;
    return event;
  }
}
