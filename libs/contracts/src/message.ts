import type { z } from 'zod';

/**
 * A request with one reply between two services. `subject` is `<service>.v1.<verb>`; a suffix (an organization, an instance)
 * may be added by the caller and the handler alike. `timeoutMs` is the default deadline of a caller who gives none.
 */
export interface Rpc<Request = unknown, Reply = unknown> {
  readonly kind: 'rpc';
  readonly subject: string;
  readonly request: z.ZodType<Request>;
  readonly reply: z.ZodType<Reply>;
  readonly timeoutMs: number;
}

/** A hint that something happened. It may be lost: whoever needs the state pulls it. */
export interface EventMessage<Payload = unknown> {
  readonly kind: 'event';
  readonly subject: string;
  readonly payload: z.ZodType<Payload>;
}

export function rpc<Request, Reply>(definition: {
  subject: string;
  request: z.ZodType<Request>;
  reply: z.ZodType<Reply>;
  timeoutMs?: number;
}): Rpc<Request, Reply> {
  return { kind: 'rpc', timeoutMs: 5_000, ...definition };
}

export function event<Payload>(definition: { subject: string; payload: z.ZodType<Payload> }): EventMessage<Payload> {
  return { kind: 'event', ...definition };
}
