import { isObject, outgoingRequest, type JsonObject } from '@mcpgw/core-mcp-wire';
import type { Exchange } from './exchange.js';
import type { HttpChannel } from './http-channel.js';
import { updated, type ServerNews } from './inbox.js';
import { isListChange } from './list-changes.js';

/** Opens the stream of a `subscriptions/listen` with the body given; the caller knows envelope and headers. */
export type OpenListen = (params: JsonObject, reading: { readonly id: number; readonly onOpen: () => void; readonly onEvent: (message: unknown) => boolean }) => Exchange;

const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 60_000;
/** Several changes of what is watched make one new stream. */
const GATHER_MS = 20;
/** URIs and tasks in one request; what is watched beyond them is not heard of. */
const MAX_URIS = 1_024;
const MAX_TASKS = 1_024;

/** Who hears of which task; the id is the server's own. */
export type TaskListeners = ReadonlyMap<string, (task: JsonObject) => void>;

/**
 * The one `subscriptions/listen` of a modern server (MCP 2026-07-28, patterns/subscriptions): list changes, and the resources
 * and tasks that are watched. Ended by the server with a result or just broken, it is opened again, ever more slowly while it brings
 * nothing. A changed set opens the new stream before the old one is closed. A server that refuses it is left alone until the set changes.
 */
export class ModernListen {
  readonly #channel: HttpChannel;
  readonly #open: OpenListen;
  readonly #news: ServerNews;
  readonly #lists: JsonObject;
  #uris: ReadonlySet<string> = new Set();
  #tasks: TaskListeners = new Map();
  #exchange: Exchange | undefined;
  #timer: NodeJS.Timeout | undefined;
  #delayMs = FIRST_RETRY_MS;
  /** From the start: what changed between the server's discovery and the first stream is not told either. */
  #wasBroken = true;
  /** What the stream acknowledged last covers. */
  #heard: ReadonlySet<string> = new Set();
  #closed = false;

  /** `lists`: the members of the filter for the list changes that this server offers. */
  constructor(channel: HttpChannel, open: OpenListen, news: ServerNews, lists: JsonObject) {
    this.#channel = channel;
    this.#open = open;
    this.#news = news;
    this.#lists = lists;
  }

  /** From now on, with these resources. */
  listen(uris: ReadonlySet<string>): void {
    this.#uris = uris;
    this.#changed();
  }

  /** From now on, with these tasks (tasks extension: `taskIds`). */
  listenToTasks(tasks: TaskListeners): void {
    this.#tasks = tasks;
    this.#changed();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#exchange?.abort();
  }

  #changed(): void {
    this.#delayMs = FIRST_RETRY_MS;
    this.#schedule(GATHER_MS);
  }

  #schedule(ms: number): void {
    clearTimeout(this.#timer);
    if (!this.#closed) this.#timer = setTimeout(() => void this.#run(), ms).unref();
  }

  async #run(): Promise<void> {
    const previous = this.#exchange;
    const resourceSubscriptions = [...this.#uris].slice(0, MAX_URIS);
    const taskIds = [...this.#tasks.keys()].slice(0, MAX_TASKS);
    const notifications = { ...this.#lists, ...(resourceSubscriptions.length === 0 ? {} : { resourceSubscriptions }), ...(taskIds.length === 0 ? {} : { taskIds }) };
    if (Object.keys(notifications).length === 0) {
      this.#exchange = undefined;
      return previous?.abort();
    }
    const id = this.#channel.nextId();
    const exchange = this.#open({ notifications }, { id, onOpen: () => previous?.abort(), onEvent: (message) => this.#take(message, id, resourceSubscriptions) });
    this.#exchange = exchange;
    const answer = await exchange.answer;
    previous?.abort();
    if (this.#exchange !== exchange || this.#closed) return;
    this.#exchange = undefined;
    // Refused in whatever words: asked again when there is something new to ask for.
    if (answer.kind === 'body' && answer.status < 500 && answer.status !== 429) return;
    this.#wasBroken = true;
    this.#schedule(this.#delayMs);
    this.#delayMs = Math.min(this.#delayMs * 2, LAST_RETRY_MS);
  }

  #take(message: unknown, id: number, uris: readonly string[]): boolean {
    if (!isObject(message)) return false;
    const { method } = message;
    if (typeof method !== 'string') return message['id'] === id;
    const params = isObject(message['params']) ? message['params'] : {};
    if (method === 'notifications/subscriptions/acknowledged') this.#acknowledged(uris);
    else this.#delayMs = FIRST_RETRY_MS;
    if (isListChange(method)) this.#news.onListChanged();
    else if (method === 'notifications/resources/updated') updated(this.#news, params);
    else if (method === 'notifications/tasks') this.#tasks.get(String(params['taskId']))?.(params);
    return false;
  }

  /**
   * What changed while nobody listened is not told again, so everything counts as changed; and so does what is watched anew:
   * whoever asked for it has had the answer before this stream was there.
   */
  #acknowledged(uris: readonly string[]): void {
    const [wasBroken, heard] = [this.#wasBroken, this.#heard];
    this.#wasBroken = false;
    this.#heard = new Set(uris);
    if (wasBroken && Object.keys(this.#lists).length > 0) this.#news.onListChanged();
    for (const uri of uris) if (wasBroken || !heard.has(uri)) this.#news.onResourceUpdated(uri);
  }
}

export function listenBody(id: number, params: JsonObject): string {
  return JSON.stringify(outgoingRequest(id, 'subscriptions/listen', params));
}
