import { randomBytes } from 'node:crypto';
import { Inject, Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { ASK_TIMEOUT_MS, askAnswered, type UpstreamReply } from '@mcpgw/contracts';
import { isDeclaredAsk, type Ask, type JsonObject, type ResponseMessage } from '@mcpgw/core-mcp-wire';
import type { Bus, Subscription } from '@mcpgw/platform-bus';
import { BUS, HEALTH, type Health } from '@mcpgw/platform-runtime';
import type { Admitted } from '../call-tool/door.js';
import type { Exchange } from '../http/exchange.js';

/** Questions to legacy clients that are open at once in this process, and of one session. */
const MAX_OPEN = 4_096;
const MAX_OPEN_OF_SESSION = 32;
const INSTANCE = /^[A-Za-z0-9-]{1,128}$/;
const MAX_ASK_CHARACTERS = 256;

interface Open {
  readonly subject: string;
  readonly session: string;
  settle(reply: UpstreamReply): void;
}

/** A client that a question can be put to while it waits for its answer. */
export interface Asked {
  readonly exchange: Exchange;
  readonly admitted: Admitted;
  readonly capabilities: JsonObject;
}

/**
 * Requests of servers to legacy clients (MCP 2025-11-25, transports): pushed on the event stream of the answer that the client
 * waits for. The client POSTs its response wherever it likes; the id says which instance asked, and the response counts only
 * if it comes from the same subject and session.
 */
@Injectable()
export class Pushes implements OnModuleInit, OnApplicationShutdown {
  private readonly open = new Map<string, Open>();
  private readonly openOf = new Map<string, number>();
  private subscription: Subscription | undefined;
  private readonly instance: string;

  constructor(
    @Inject(BUS) private readonly bus: Bus,
    @Inject(HEALTH) health: Health,
  ) {
    this.instance = health.instance;
  }

  onModuleInit(): void {
    this.subscription = this.bus.subscribe(askAnswered, ({ ask, subject, session, reply }) => this.settle(ask, subject, session, reply), { as: this.instance });
  }

  async onApplicationShutdown(): Promise<void> {
    await this.subscription?.close();
  }

  /** A response that a client POSTed. One that nothing waits for, or that is another's to give, is dropped without a word. */
  answered({ subject, session }: Admitted, { id, reply }: ResponseMessage): void {
    if (typeof id !== 'string' || id.length > MAX_ASK_CHARACTERS || !session) return;
    const instance = id.slice(0, Math.max(0, id.lastIndexOf('.')));
    const said = reply as UpstreamReply;
    if (instance === this.instance) this.settle(id, subject, session.id, said);
    else if (INSTANCE.test(instance)) this.bus.publish(askAnswered, { ask: id, subject, session: session.id, reply: said }, { to: instance });
  }

  /**
   * The client's own answer, or an error in its place: never asked for what it didn't declare, it left, or it took too long.
   * Never rejects. When `over` aborts, the client is told that nobody waits any more.
   */
  async ask({ exchange, admitted: { subject, session }, capabilities }: Asked, { method, params }: Ask, over: readonly (AbortSignal | undefined)[]): Promise<UpstreamReply> {
    if (!isDeclaredAsk(capabilities, method, params)) return refusal(-32601, 'The client can not be asked this: it has not declared that it could answer');
    if (!session || !exchange.readsEvents) return refusal(-32603, 'The client can not be asked anything on this request');
    if (this.open.size >= MAX_OPEN || (this.openOf.get(session.id) ?? 0) >= MAX_OPEN_OF_SESSION) return refusal(-32603, 'Too many questions are open');
    const id = `${this.instance}.${randomBytes(12).toString('base64url')}`;
    const end = new AbortController();
    try {
      return await new Promise<UpstreamReply>((resolve) => {
        const giveUp = (message: string): void => {
          exchange.notify('notifications/cancelled', { requestId: id, reason: message });
          resolve(refusal(-32603, message));
        };
        const timer = setTimeout(() => giveUp('The client gave no answer in time'), ASK_TIMEOUT_MS - 1_000);
        end.signal.addEventListener('abort', () => clearTimeout(timer));
        for (const signal of over) {
          if (signal?.aborted) return giveUp('The server does not wait any more');
          signal?.addEventListener('abort', () => giveUp('The server does not wait any more'), { once: true, signal: end.signal });
        }
        this.add(id, { subject, session: session.id, settle: resolve });
        if (!isSent(exchange, id, method, params)) resolve(refusal(-32603, 'The client is gone, or can not be asked this'));
      });
    } finally {
      end.abort();
      this.remove(id, session.id);
    }
  }

  private settle(id: string, subject: string, session: string, reply: UpstreamReply): void {
    const open = this.open.get(id);
    if (open && open.subject === subject && open.session === session) open.settle(reply);
  }

  private add(id: string, open: Open): void {
    this.open.set(id, open);
    this.openOf.set(open.session, (this.openOf.get(open.session) ?? 0) + 1);
  }

  private remove(id: string, session: string): void {
    if (!this.open.delete(id)) return;
    const left = (this.openOf.get(session) ?? 1) - 1;
    if (left > 0) this.openOf.set(session, left);
    else this.openOf.delete(session);
  }
}

/** False as well for what is nested too deeply to be written. */
function isSent(exchange: Exchange, id: string, method: string, params: JsonObject): boolean {
  try {
    return exchange.request(id, method, params);
  } catch {
    return false;
  }
}

function refusal(code: number, message: string): UpstreamReply {
  return { error: { code, message } };
}
