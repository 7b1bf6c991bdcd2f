import { isObject, progressTokenOf, type JsonObject } from '@mcpgw/core-mcp-wire';
import { Asks, type SendAnswer } from './asks.js';
import type { CallDeadline } from './call-deadline.js';
import { isAnswer, type HttpCall } from './http-channel.js';
import { isListChange } from './list-changes.js';
import { RunningCall } from './running-call.js';

/** What a server tells that concerns no single call. */
export interface ServerNews {
  /** Its lists changed, or it turns out to speak another era. */
  readonly onListChanged: () => void;
  readonly onResourceUpdated: (uri: string) => void;
}

export interface InboxOptions {
  readonly capabilities: JsonObject;
  /** Calls of several principals share the session: what can't be attributed is shown to none of them. */
  readonly isShared: boolean;
  readonly send: SendAnswer;
  readonly news: ServerNews;
}

const MAX_URI_CHARACTERS = 4_096;

/** What a legacy server sends on one session, on whatever stream, and which of the calls under way it concerns. */
export class Inbox {
  readonly #options: InboxOptions;
  readonly #asks: Asks;
  /** In the order in which they began. */
  readonly #running = new Map<number, RunningCall>();

  constructor(options: InboxOptions) {
    this.#options = options;
    this.#asks = new Asks(options.capabilities, options.send);
  }

  begin(id: number, call: HttpCall, deadline: CallDeadline): RunningCall {
    const running = new RunningCall(id, call, deadline);
    this.#running.set(id, running);
    return running;
  }

  end(running: RunningCall): void {
    this.#running.delete(running.id);
    this.#asks.end(running);
  }

  /** Takes a message; true when it is the answer to `of`, the call whose response stream it came on (none: the session's own stream). */
  take(message: unknown, of?: RunningCall): boolean {
    if (!isObject(message)) return false;
    const { method } = message;
    if (typeof method !== 'string') return of !== undefined && isAnswer(message, of.id);
    const params = isObject(message['params']) ? message['params'] : undefined;
    if (message['id'] !== undefined) this.#asks.request(message['id'], method, params, of ?? this.#latestAskable());
    else this.#notified(method, params ?? {}, of);
    return false;
  }

  #notified(method: string, params: JsonObject, of: RunningCall | undefined): void {
    if (isListChange(method)) return this.#options.news.onListChanged();
    if (method === 'notifications/cancelled') return this.#asks.withdraw(params['requestId']);
    if (method === 'notifications/resources/updated') return updated(this.#options.news, params);
    const running = of ?? this.#callOf(method, params);
    if (running !== undefined) callEvent(running, method, params);
  }

  /** Of something on the session's own stream. Progress says by its token whose it is; a log line can only be the only call's. */
  #callOf(method: string, params: JsonObject): RunningCall | undefined {
    const token = params['progressToken'];
    if (method === 'notifications/progress') return typeof token === 'number' ? this.#running.get(token) : undefined;
    if (this.#options.isShared || this.#running.size !== 1) return undefined;
    return this.#running.values().next().value;
  }

  /** One scope is one principal, so the wrong one of its calls leaks nothing; the latest is the likeliest. */
  #latestAskable(): RunningCall | undefined {
    let latest: RunningCall | undefined;
    for (const running of this.#running.values()) if (running.call.onAsk !== undefined) latest = running;
    return latest;
  }
}

/** Hands progress, under the caller's own token, and log lines to the call that they belong to. */
export function callEvent({ id, call }: Pick<RunningCall, 'id' | 'call'>, method: string, params: JsonObject): void {
  const { onEvent } = call;
  if (onEvent === undefined) return;
  const token = progressTokenOf(call.params);
  try {
    if (method === 'notifications/message') onEvent(method, { ...params });
    else if (method === 'notifications/progress' && token !== undefined && params['progressToken'] === id) onEvent(method, { ...params, progressToken: token });
  } catch {
    // Nested too deeply to be written, for instance: what a server says on the side must not end its call.
  }
}

export function updated(news: ServerNews, params: JsonObject): void {
  const { uri } = params;
  if (typeof uri === 'string' && uri.length <= MAX_URI_CHARACTERS) news.onResourceUpdated(uri);
}
