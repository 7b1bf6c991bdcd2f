import { GatewayError, type EventMessage, type Rpc } from '@mcpgw/contracts';
import { connect, ErrorCode as NatsErrorCode, Events, NatsError, StringCodec, type NatsConnection, type Subscription as NatsSubscription } from 'nats';
import type { Bus, HandleOptions, RequestOptions, Subscription } from './bus.js';
import { decodeReply, encodeFault, encodePayload, subjectOf } from './codec.js';
import { withDeadline } from './deadline.js';
import { answer, deliver } from './memory-bus.js';
import { parseNatsAddress } from './nats-address.js';

const text = StringCodec();

export interface NatsBusOptions {
  /** `nats://user:password@host:port`, several joined by commas; see parseNatsAddress. */
  readonly url: string;
  /** Shown in the server's connection list. */
  readonly name: string;
  readonly onFault: (error: unknown, subject: string) => void;
  /** Told once a second apart at most while the server can't be reached at the start. */
  readonly onWaiting: (message: string) => void;
  readonly signal?: AbortSignal;
}

/** A server that has not said otherwise. */
const DEFAULT_MAX_PAYLOAD = 1_048_576;
const RETRY_MS = 500;
const SAY_EVERY_MS = 5_000;

/** Connects, however long it takes for the server to be there; rejects only when `signal` is aborted. Reconnects for ever. */
export async function connectNatsBus(options: NatsBusOptions): Promise<Bus> {
  const { connect: address, shown } = parseNatsAddress(options.url);
  let saidAt = 0;
  for (;;) {
    options.signal?.throwIfAborted();
    try {
      const connection = await connect({ ...address, name: options.name, maxReconnectAttempts: -1, reconnectTimeWait: RETRY_MS, timeout: 5_000, pingInterval: 10_000, maxPingOut: 2 });
      return new NatsBus(connection, shown, options);
    } catch (error) {
      if (Date.now() - saidAt >= SAY_EVERY_MS) {
        saidAt = Date.now();
        options.onWaiting(`Waiting for NATS at ${shown}: ${error instanceof Error ? error.message : String(error)}. Start nats-server there, or set MCPGW_NATS_URL.`);
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}

class NatsBus implements Bus {
  private readonly reconnectListeners = new Set<() => void>();
  private readonly underWay = new Set<() => void>();
  private lost: string | undefined;

  constructor(
    private readonly connection: NatsConnection,
    private readonly shown: string,
    private readonly options: NatsBusOptions,
  ) {
    void this.watch();
  }

  async request<Request, Reply>(message: Rpc<Request, Reply>, payload: Request, options: RequestOptions = {}): Promise<Reply> {
    const subject = subjectOf(message, options.to);
    const data = this.encode(encodePayload(message.request, payload, subject), subject);
    const timeoutMs = options.timeoutMs ?? message.timeoutMs;
    if (this.lost !== undefined) throw new GatewayError('unavailable', this.lost);
    let reply: string;
    try {
      // The client's own timer is the longer one, so that expiry is always reported by withDeadline.
      const answered = this.connection.request(subject, data, { timeout: timeoutMs + 1_000 });
      reply = text.decode((await withDeadline(this.unlessLost(answered, subject), subject, timeoutMs, options.signal)).data);
    } catch (error) {
      throw requestFault(error, subject);
    }
    return decodeReply(message, reply);
  }

  /** A reply that was on its way when the connection broke never arrives: waiting for it would only waste the caller's time. */
  private unlessLost<T>(answered: Promise<T>, subject: string): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const give = (): void => reject(new GatewayError('connection_lost', `The connection to NATS broke while ${subject} was under way.`));
      this.underWay.add(give);
      answered.then(resolve, reject).finally(() => this.underWay.delete(give));
    });
  }

  handle<Request, Reply>(message: Rpc<Request, Reply>, handler: (payload: Request) => Promise<Reply>, options: HandleOptions = {}): Subscription {
    const subject = subjectOf(message, options.as);
    return this.consume(subject, subject, async (data, respond) => {
      const reply = await answer(message, handler, data, (error) => this.options.onFault(error, subject));
      respond(reply);
    });
  }

  publish<Payload>(message: EventMessage<Payload>, payload: Payload, options: { readonly to?: string } = {}): void {
    const subject = subjectOf(message, options.to);
    if (this.connection.isClosed()) return;
    this.connection.publish(subject, this.encode(encodePayload(message.payload, payload, subject), subject));
  }

  subscribe<Payload>(message: EventMessage<Payload>, handler: (payload: Payload) => void | Promise<void>, options: HandleOptions = {}): Subscription {
    const subject = subjectOf(message, options.as);
    return this.consume(subject, undefined, (data) => deliver(message, handler, data, (error) => this.options.onFault(error, subject)));
  }

  maxMessageBytes(): number {
    return this.connection.info?.max_payload ?? DEFAULT_MAX_PAYLOAD;
  }

  problem(): string | undefined {
    return this.lost;
  }

  onReconnect(listener: () => void): () => void {
    this.reconnectListeners.add(listener);
    return () => this.reconnectListeners.delete(listener);
  }

  async close(): Promise<void> {
    if (this.connection.isClosed()) return;
    await Promise.race([this.connection.drain(), new Promise((resolve) => setTimeout(resolve, 2_000).unref())]);
    await this.connection.close();
  }

  private consume(subject: string, queue: string | undefined, onMessage: (data: string, respond: (reply: string) => void) => Promise<void>): Subscription {
    const underWay = new Set<Promise<void>>();
    const subscription: NatsSubscription = this.connection.subscribe(subject, {
      ...(queue ? { queue } : {}),
      callback: (error, received) => {
        if (error) return this.options.onFault(error, subject);
        const work = onMessage(text.decode(received.data), (reply) => this.respond(received, reply, subject)).finally(() => underWay.delete(work));
        underWay.add(work);
      },
    });
    return {
      close: async () => {
        if (!this.connection.isClosed()) subscription.unsubscribe();
        await Promise.allSettled([...underWay]);
      },
    };
  }

  private respond(received: { respond(data: Uint8Array): boolean }, reply: string, subject: string): void {
    if (this.connection.isClosed()) return;
    try {
      received.respond(this.encode(reply, subject));
    } catch (error) {
      received.respond(text.encode(encodeFault(error)));
    }
  }

  private encode(data: string, subject: string): Uint8Array {
    const bytes = text.encode(data);
    const limit = this.connection.info?.max_payload;
    if (limit !== undefined && bytes.length > limit) {
      throw new GatewayError('payload_too_large', `A message on ${subject} has ${bytes.length} bytes; this NATS server takes ${limit}. Raise its max_payload.`);
    }
    return bytes;
  }

  private async watch(): Promise<void> {
    for await (const status of this.connection.status()) {
      if (status.type === Events.Disconnect) {
        this.lost = `The connection to NATS at ${this.shown} is lost; reconnecting.`;
        for (const give of this.underWay) give();
      }
      if (status.type === Events.Reconnect) {
        this.lost = undefined;
        for (const listener of this.reconnectListeners) listener();
      }
    }
  }
}

function requestFault(error: unknown, subject: string): GatewayError {
  if (error instanceof GatewayError) return error;
  if (error instanceof NatsError && error.code === NatsErrorCode.NoResponders) return new GatewayError('unavailable', `No service answers ${subject}. Is it running?`);
  return new GatewayError('unavailable', `The bus could not carry a request to ${subject}.`, { cause: error });
}
