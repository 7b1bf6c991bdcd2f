import type { Answer } from './answer.js';
import type { EventStream } from './event-stream.js';
import type { ResumableStream } from './resumable-stream.js';

/** Makes the answer's event stream one that its client can come back to, and has its events written to `stream`. */
export type OpenResumable = (stream: EventStream) => ResumableStream;

/** The way back to a client: the connection of its POST, or an event stream that it has open elsewhere. */
export interface Outlet {
  /** Whether messages can go ahead of the answer. */
  readonly readsEvents: boolean;
  /** False when the client can't be told. */
  send(json: string): boolean;
  expectDelay(): void;
  whenGone(action: () => void): void;
  resumeWith(open: OpenResumable): void;
  pause(): void;
  finish(answer: Answer): void;
}
