import type { EventMessage, Rpc } from '@mcpgw/contracts';

export interface RequestOptions {
  /** Deadline in milliseconds; the message's own default when absent. On expiry: `timeout`. */
  readonly timeoutMs?: number;
  /** Aborting rejects with `cancelled`; the other side isn't told. */
  readonly signal?: AbortSignal;
  /** Suffix of the subject: one instance or organization instead of any. */
  readonly to?: string;
}

export interface HandleOptions {
  /** Suffix of the subject that this handler serves. */
  readonly as?: string;
}

export interface Subscription {
  /** Stops taking new messages and resolves when those under way are answered. */
  close(): Promise<void>;
}

/**
 * Requests, replies and hints between services. Two drivers, `nats` and `memory`, pass one contract suite.
 *
 * - A request goes to one of the handlers of its subject (a queue group per subject). No handler anywhere: `unavailable`, at once.
 * - Values are parsed by the message's schema on both sides; what arrives is a copy, never a shared object.
 * - A handler that throws a GatewayError passes its code, public message and data; anything else arrives as `internal`.
 * - Events reach every subscriber of the subject, once or, when something fails in between, not at all.
 */
export interface Bus {
  request<Request, Reply>(message: Rpc<Request, Reply>, payload: Request, options?: RequestOptions): Promise<Reply>;
  handle<Request, Reply>(message: Rpc<Request, Reply>, handler: (payload: Request) => Promise<Reply>, options?: HandleOptions): Subscription;
  publish<Payload>(message: EventMessage<Payload>, payload: Payload, options?: { readonly to?: string }): void;
  subscribe<Payload>(message: EventMessage<Payload>, handler: (payload: Payload) => void | Promise<void>, options?: HandleOptions): Subscription;
  /** `undefined` while connected; otherwise what is wrong, for `status`. */
  problem(): string | undefined;
  /** Bytes that one message may have now, as JSON; infinite within a process. */
  maxMessageBytes(): number;
  /** Calls back each time a lost connection is there again: the moment to pull what hints may have been missed. Returns the way to stop. */
  onReconnect(listener: () => void): () => void;
  close(): Promise<void>;
}
