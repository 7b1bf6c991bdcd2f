import type { ToolDefinition, UpstreamReply } from '@mcpgw/contracts';
import { encodeHeaderValue, HEADER_MISMATCH, isObject, LATEST_MODERN_VERSION, nameHeaderSource, NO_CAPABILITIES, outgoingRequest, paramsForModern, withTasks, type JsonObject } from '@mcpgw/core-mcp-wire';
import { ArgumentHeaders } from './argument-headers.js';
import type { CallDeadline } from './call-deadline.js';
import type { HttpCall, HttpChannel } from './http-channel.js';
import { callEvent, type ServerNews } from './inbox.js';
import type { Line } from './line.js';
import { isListChange, offeredListChanges } from './list-changes.js';
import { listenBody, ModernListen, type TaskListeners } from './modern-listen.js';
import { readReply } from './reply.js';
import { stopped } from './upstream-faults.js';

export interface ModernLineOptions {
  readonly channel: HttpChannel;
  readonly news: ServerNews;
  readonly tools: readonly ToolDefinition[];
  /** As discovered; absent: list changes are not listened for. */
  readonly capabilities: JsonObject | undefined;
  readonly listen: boolean;
}

/** A server tells of tasks only whoever knows of them. */
const LISTEN_CAPABILITIES = withTasks(NO_CAPABILITIES);
/** Pages of tools/list read for one tool whose headers the server calls wrong. */
const MAX_PAGES = 20;

/** A modern server: each request stands for itself and carries the envelope of our hop. Results pass as they are. */
export class ModernLine implements Line {
  readonly #channel: HttpChannel;
  readonly #news: ServerNews;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #listen: ModernListen;
  #arguments: ArgumentHeaders;

  constructor({ channel, news, tools, capabilities, listen }: ModernLineOptions) {
    this.#channel = channel;
    this.#news = news;
    this.#headers = { ...channel.plainHeaders, 'mcp-protocol-version': LATEST_MODERN_VERSION };
    this.#arguments = new ArgumentHeaders(tools);
    const lists = offeredListChanges(capabilities);
    this.#listen = new ModernListen(
      channel,
      (params, { id, onOpen, onEvent }) => channel.stream(this.#requestHeaders('subscriptions/listen', params), { standing: true, body: listenBody(id, this.#enveloped(params, LISTEN_CAPABILITIES)), onOpen, onEvent }),
      news,
      lists,
    );
    if (listen && Object.keys(lists).length > 0) this.#listen.listen(new Set());
  }

  /** The server's tools have been discovered anew; nothing else of the target has changed. */
  set tools(tools: readonly ToolDefinition[]) {
    this.#arguments = new ArgumentHeaders(tools);
  }

  watch(uris: ReadonlySet<string>): void {
    this.#listen.listen(uris);
  }

  watchTasks(tasks: TaskListeners): void {
    this.#listen.listenToTasks(tasks);
  }

  async call(call: HttpCall, deadline: CallDeadline): Promise<UpstreamReply> {
    const reply = await this.#request(call, deadline);
    if (!('error' in reply) || reply.error.code !== HEADER_MISMATCH || call.method !== 'tools/call') return reply;
    // Its annotations have changed since it was discovered. The request was refused before anything ran.
    this.#news.onListChanged();
    return (await this.#learnHeaders(call.params['name'], deadline, call)) ? this.#request(call, deadline) : reply;
  }

  async close(): Promise<void> {
    this.#listen.close();
  }

  async #request(call: HttpCall, deadline: CallDeadline): Promise<UpstreamReply> {
    if (deadline.reason !== undefined) throw stopped(this.#channel.culprit, deadline.reason, call.timeoutMs);
    const id = this.#channel.nextId();
    const params = this.#enveloped(call.params, call.client?.capabilities ?? NO_CAPABILITIES);
    const body = JSON.stringify(outgoingRequest(id, call.method, params));
    const exchange = this.#channel.post(this.#requestHeaders(call.method, call.params), body, (message) => this.#take(message, id, call), false);
    deadline.onStop(() => exchange.abort());
    const answer = await exchange.answer;
    // Cutting the connection is how a call is cancelled in this era.
    if (answer.kind === 'aborted') throw stopped(this.#channel.culprit, deadline.reason ?? 'cancelled', call.timeoutMs);
    return readReply(this.#channel.culprit, { id, answer: this.#channel.received(answer) });
  }

  #enveloped(params: JsonObject, clientCapabilities: JsonObject): JsonObject {
    return paramsForModern(params, { clientInfo: this.#channel.clientInfo, clientCapabilities });
  }

  #requestHeaders(method: string, params: JsonObject): Record<string, string> {
    const headers: Record<string, string> = { ...this.#headers, ...this.#arguments.of(method, params), 'mcp-method': encodeHeaderValue(method) };
    const name = nameHeaderSource(method, params);
    if (name !== undefined) headers['mcp-name'] = encodeHeaderValue(name);
    return headers;
  }

  /** A modern server asks nothing on a stream; a request on it is ignored. */
  #take(message: unknown, id: number, call: HttpCall): boolean {
    if (!isObject(message)) return false;
    const { method, params } = message;
    if (typeof method !== 'string') return message['id'] === id;
    if (message['id'] !== undefined) return false;
    if (isListChange(method)) this.#news.onListChanged();
    else if (isObject(params)) callEvent({ id, call }, method, params);
    return false;
  }

  /** True when the server's annotations of this tool are others than those known. */
  async #learnHeaders(name: unknown, deadline: CallDeadline, call: HttpCall): Promise<boolean> {
    let params: JsonObject = {};
    for (let page = 1; page <= MAX_PAGES; page += 1) {
      const reply = await this.#request({ method: 'tools/list', params, timeoutMs: call.timeoutMs }, deadline);
      const tools = 'result' in reply ? reply.result['tools'] : undefined;
      if (!('result' in reply) || !Array.isArray(tools)) return false;
      const found = (tools as unknown[]).find((tool) => isObject(tool) && tool['name'] === name);
      if (isObject(found) && isObject(found['inputSchema'])) return this.#arguments.learn(String(name), found['inputSchema']);
      const cursor = reply.result['nextCursor'];
      if (typeof cursor !== 'string') return false;
      params = { cursor };
    }
    return false;
  }
}
