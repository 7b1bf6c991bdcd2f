import { GatewayError, isErrorCode, toGatewayError, type EventMessage, type Rpc } from '@mcpgw/contracts';
import type { z } from 'zod';

/** A reply on the wire: the value, or the fault by its code. */
type Envelope = { readonly ok: unknown } | { readonly error: { readonly code: string; readonly message: string; readonly data?: Record<string, unknown> } };

function parse<T>(schema: z.ZodType<T>, value: unknown, what: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new GatewayError('invalid_request', `${what} is malformed at "${issue?.path.join('.') ?? ''}": ${issue?.message ?? 'unknown fault'}`, { cause: parsed.error });
}

export function encodePayload<T>(schema: z.ZodType<T>, payload: T, subject: string): string {
  return JSON.stringify(parse(schema, payload, `The message to ${subject}`));
}

export function decodeRequest<Request, Reply>(message: Rpc<Request, Reply>, text: string): Request {
  return parse(message.request, JSON.parse(text), `A request on ${message.subject}`);
}

export function decodeEvent<Payload>(message: EventMessage<Payload>, text: string): Payload {
  return parse(message.payload, JSON.parse(text), `An event on ${message.subject}`);
}

export function encodeReply<Request, Reply>(message: Rpc<Request, Reply>, value: Reply): string {
  return JSON.stringify({ ok: parse(message.reply, value, `The reply of ${message.subject}`) } satisfies Envelope);
}

export function encodeFault(thrown: unknown): string {
  const { code, message, data } = toGatewayError(thrown);
  return JSON.stringify({ error: { code, message, ...(data ? { data: { ...data } } : {}) } } satisfies Envelope);
}

/** The reply's value; a fault is thrown as the GatewayError it was on the other side. */
export function decodeReply<Request, Reply>(message: Rpc<Request, Reply>, text: string): Reply {
  const envelope = JSON.parse(text) as Envelope;
  if ('error' in envelope) {
    const { code, message: publicMessage, data } = envelope.error;
    throw new GatewayError(isErrorCode(code) ? code : 'internal', publicMessage, data ? { data } : {});
  }
  return parse(message.reply, envelope.ok, `The reply of ${message.subject}`);
}

export function subjectOf(message: { readonly subject: string }, suffix: string | undefined): string {
  return suffix === undefined ? message.subject : `${message.subject}.${suffix}`;
}
