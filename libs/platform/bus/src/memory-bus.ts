import { GatewayError, type EventMessage, type Rpc } from '@mcpgw/contracts';
import type { Bus, HandleOptions, RequestOptions, Subscription } from './bus.js';
import { decodeEvent, decodeReply, decodeRequest, encodeFault, encodePayload, encodeReply, subjectOf } from './codec.js';
import { withDeadline } from './deadline.js';

type Handler = (text: string) => Promise<string>;
type Listener = (text: string) => void;

/**
 * The bus of one process. Messages make the same JSON round trip as on NATS, so that nothing works here that would fail
 * there: no shared objects, schemas on both sides, deadlines, one handler of several chosen in turn.
 */
export class MemoryBus implements Bus {
  private readonly handlers = new Map<string, Handler[]>();
  private readonly listeners = new Map<string, Set<Listener>>();
  private turn = 0;
  private closed = false;

  constructor(private readonly onFault: (error: unknown, subject: string) => void = () => {}) {}

  async request<Request, Reply>(message: Rpc<Request, Reply>, payload: Request, options: RequestOptions = {}): Promise<Reply> {
    const subject = subjectOf(message, options.to);
    const text = encodePayload(message.request, payload, subject);
    const reply = await withDeadline(this.answerText(subject, text), subject, options.timeoutMs ?? message.timeoutMs, options.signal);
    return decodeReply(message, reply);
  }

  handles(subject: string): boolean {
    return (this.handlers.get(subject)?.length ?? 0) > 0;
  }

  /** The reply's text to a request's text. Rejects with `unavailable` when nobody handles the subject. */
  async answerText(subject: string, text: string): Promise<string> {
    const candidates = this.handlers.get(subject);
    if (this.closed || !candidates || candidates.length === 0) throw new GatewayError('unavailable', `No service answers ${subject}. Is it running?`);
    return (candidates[this.turn++ % candidates.length] as Handler)(text);
  }

  handle<Request, Reply>(message: Rpc<Request, Reply>, handler: (payload: Request) => Promise<Reply>, options: HandleOptions = {}): Subscription {
    const subject = subjectOf(message, options.as);
    const underWay = new Set<Promise<unknown>>();
    const serve: Handler = async (text) => {
      await Promise.resolve(); // never run inside the caller's turn
      const work = answer(message, handler, text, (error) => this.onFault(error, subject));
      underWay.add(work);
      return work.finally(() => underWay.delete(work));
    };
    const list = this.handlers.get(subject) ?? [];
    this.handlers.set(subject, [...list, serve]);
    return {
      close: async () => {
        this.handlers.set(subject, (this.handlers.get(subject) ?? []).filter((candidate) => candidate !== serve));
        await Promise.allSettled([...underWay]);
      },
    };
  }

  publish<Payload>(message: EventMessage<Payload>, payload: Payload, options: { readonly to?: string } = {}): void {
    if (this.closed) return;
    const subject = subjectOf(message, options.to);
    this.deliverText(subject, encodePayload(message.payload, payload, subject));
  }

  deliverText(subject: string, text: string): void {
    for (const listener of this.listeners.get(subject) ?? []) queueMicrotask(() => listener(text));
  }

  subscribe<Payload>(message: EventMessage<Payload>, handler: (payload: Payload) => void | Promise<void>, options: HandleOptions = {}): Subscription {
    const subject = subjectOf(message, options.as);
    const underWay = new Set<Promise<unknown>>();
    const listener: Listener = (text) => {
      const work = deliver(message, handler, text, (error) => this.onFault(error, subject)).finally(() => underWay.delete(work));
      underWay.add(work);
    };
    const set = this.listeners.get(subject) ?? new Set<Listener>();
    this.listeners.set(subject, set.add(listener));
    return {
      close: async () => {
        set.delete(listener);
        await Promise.allSettled([...underWay]);
      },
    };
  }

  maxMessageBytes(): number {
    return Infinity;
  }

  problem(): string | undefined {
    return undefined;
  }

  onReconnect(): () => void {
    return () => {};
  }

  async close(): Promise<void> {
    this.closed = true;
    this.handlers.clear();
    this.listeners.clear();
  }
}

/** Runs a handler on a request's text and returns the reply's text; a fault becomes an answer, never a rejection. */
export async function answer<Request, Reply>(
  message: Rpc<Request, Reply>,
  handler: (payload: Request) => Promise<Reply>,
  text: string,
  onFault: (error: unknown) => void,
): Promise<string> {
  try {
    return encodeReply(message, await handler(decodeRequest(message, text)));
  } catch (error) {
    if (!(error instanceof GatewayError) || error.code === 'internal') onFault(error);
    return encodeFault(error);
  }
}

/** Hands an event to a listener; what it throws is reported and ends there. */
export async function deliver<Payload>(
  message: EventMessage<Payload>,
  handler: (payload: Payload) => void | Promise<void>,
  text: string,
  onFault: (error: unknown) => void,
): Promise<void> {
  try {
    await handler(decodeEvent(message, text));
  } catch (error) {
    onFault(error);
  }
}
