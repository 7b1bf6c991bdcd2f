import type { MessagePort } from 'node:worker_threads';
import { GatewayError, type EventMessage, type Rpc } from '@mcpgw/contracts';
import type { Bus, HandleOptions, RequestOptions, Subscription } from './bus.js';
import { decodeReply, encodeFault, encodePayload, subjectOf } from './codec.js';
import { withDeadline } from './deadline.js';
import { MemoryBus } from './memory-bus.js';

/** What two ends tell each other: which subjects they handle, requests and replies by number, events. */
type Message =
  | { readonly kind: 'handles'; readonly subject: string; readonly yes: boolean }
  | { readonly kind: 'request'; readonly number: number; readonly subject: string; readonly text: string }
  | { readonly kind: 'reply'; readonly number: number; readonly text: string }
  | { readonly kind: 'event'; readonly subject: string; readonly text: string };

/**
 * The memory bus of one process whose services run in two threads: one end in each, joined by a message port. What this
 * thread handles stays in it; the rest goes across as text. Both ends die with the process, so nothing is ever lost between
 * them, and there is no reconnecting.
 */
export class ThreadBus implements Bus {
  private readonly local: MemoryBus;
  private readonly remote = new Set<string>();
  private readonly waiting = new Map<number, (text: string) => void>();
  private lastNumber = 0;

  constructor(
    private readonly port: MessagePort,
    onFault: (error: unknown, subject: string) => void = () => {},
  ) {
    this.local = new MemoryBus(onFault);
    port.on('message', (message: Message) => this.receive(message));
  }

  async request<Request, Reply>(message: Rpc<Request, Reply>, payload: Request, options: RequestOptions = {}): Promise<Reply> {
    const subject = subjectOf(message, options.to);
    if (this.local.handles(subject) || !this.remote.has(subject)) return this.local.request(message, payload, options);
    const text = encodePayload(message.request, payload, subject);
    const number = (this.lastNumber += 1);
    const answered = new Promise<string>((resolve) => this.waiting.set(number, resolve));
    this.send({ kind: 'request', number, subject, text });
    try {
      return decodeReply(message, await withDeadline(answered, subject, options.timeoutMs ?? message.timeoutMs, options.signal));
    } finally {
      this.waiting.delete(number);
    }
  }

  handle<Request, Reply>(message: Rpc<Request, Reply>, handler: (payload: Request) => Promise<Reply>, options: HandleOptions = {}): Subscription {
    const subject = subjectOf(message, options.as);
    const subscription = this.local.handle(message, handler, options);
    this.send({ kind: 'handles', subject, yes: true });
    return {
      close: async () => {
        const closed = subscription.close();
        if (!this.local.handles(subject)) this.send({ kind: 'handles', subject, yes: false });
        await closed;
      },
    };
  }

  publish<Payload>(message: EventMessage<Payload>, payload: Payload, options: { readonly to?: string } = {}): void {
    const subject = subjectOf(message, options.to);
    const text = encodePayload(message.payload, payload, subject);
    this.local.deliverText(subject, text);
    this.send({ kind: 'event', subject, text });
  }

  subscribe<Payload>(message: EventMessage<Payload>, handler: (payload: Payload) => void | Promise<void>, options: HandleOptions = {}): Subscription {
    return this.local.subscribe(message, handler, options);
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
    await this.local.close();
    this.port.close();
  }

  private receive(message: Message): void {
    switch (message.kind) {
      case 'handles':
        if (message.yes) this.remote.add(message.subject);
        else this.remote.delete(message.subject);
        return;
      case 'request':
        void this.local
          .answerText(message.subject, message.text)
          .catch((error: unknown) => encodeFault(error instanceof GatewayError ? error : new GatewayError('internal', 'The bus failed.', { cause: error })))
          .then((text) => this.send({ kind: 'reply', number: message.number, text }));
        return;
      case 'reply':
        return this.waiting.get(message.number)?.(message.text);
      case 'event':
        return this.local.deliverText(message.subject, message.text);
    }
  }

  private send(message: Message): void {
    this.port.postMessage(message);
  }
}
