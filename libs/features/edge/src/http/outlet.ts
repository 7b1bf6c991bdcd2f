import type { Answer } from './answer.js';
import type { EventStream } from './event-stream.js';
import type { ResumableStream } from './resumable-stream.js';

/** Makes the event stream that an answer became one that the client of the session can come back to. */
export interface StreamOpener {
  openAnswer(session: string, connection: EventStream): ResumableStream;
}

/** The way back to a client: the connection of its POST, or an event stream that it has open elsewhere. */
export interface Outlet {
  /** Whether messages can go ahead of the answer. */
  readonly readsEvents: boolean;
  /** False when the client can't be told. */
  send(json: string): boolean;
  expectDelay(): void;
  whenGone(action: () => void): void;
  /** From now on a stream that the answer becomes outlives its connection. */
  resumeIn(session: string): void;
  pause(): void;
  finish(answer: Answer): void;
}
