import { Inject, Injectable } from '@nestjs/common';
import { isObject, META_SERVER_INFO, META_SUBSCRIPTION_ID, type JsonObject, type RequestId, type RequestMessage } from '@mcpgw/core-mcp-wire';
import type { CallRecord } from '../call-tool/call-record.js';
import { Door, type Admitted } from '../call-tool/door.js';
import { Journal } from '../call-tool/journal.js';
import { refuse, refuseByProtocol, type Refusal } from '../call-tool/refusal.js';
import { ACCEPTED, resultAnswer, type Answer } from '../http/answer.js';
import type { Exchange } from '../http/exchange.js';
import { capabilitiesOf } from '../requests/handshake.js';
import { SERVER_INFO } from '../requests/server-info.js';
import { TASK_NEWS } from '../tokens.js';
import { ChangeStreams, LIST_KINDS, type ListKind } from './change-streams.js';
import { lookOf } from './look.js';
import { WatchedResources } from './watched-resources.js';
import type { TaskNewsPort } from './task-news.js';

/** URIs and task ids of one listen. */
const MAX_WATCHED = 256;
const MAX_URI_CHARACTERS = 4_096;

interface Filter {
  readonly kinds: readonly ListKind[];
  readonly uris: readonly string[] | undefined;
  readonly taskIds: readonly string[] | undefined;
}

/** `subscriptions/listen` (MCP 2026-07-28, basic/patterns/subscriptions): acknowledged with what is honoured, then told of nothing else. */
@Injectable()
export class Listens {
  constructor(
    private readonly door: Door,
    private readonly journal: Journal,
    private readonly streams: ChangeStreams,
    private readonly resources: WatchedResources,
    @Inject(TASK_NEWS) private readonly tasks: TaskNewsPort,
  ) {}

  /** Resolves when the listen is over: with its result when we end it, and with whatever when its client has gone. */
  async open(exchange: Exchange, admitted: Admitted, { id, params }: RequestMessage, record: CallRecord): Promise<Answer | Refusal> {
    const filter = readFilter(params?.['notifications']);
    if (typeof filter === 'string') return refuseByProtocol(id, 200, { code: -32602, message: `Invalid params: ${filter}` });
    if (!exchange.readsEvents) return refuseByProtocol(id, 406, { code: -32600, message: 'Not acceptable: "Accept" must list text/event-stream' });
    if (!this.streams.hasRoom(admitted.subject)) return refuse(id, 'unavailable', 'The gateway has as many open streams for you as it may. End one, or try again.');
    const { endpoint, principal } = admitted;
    const offered = capabilitiesOf(endpoint);
    const kinds = filter.kinds.filter((kind) => kind in offered);
    const uris = filter.uris && (await this.resources.watchable(principal, endpoint, filter.uris));
    return this.listen(exchange, admitted, id, record, { kinds, uris, taskIds: filter.taskIds });
  }

  private async listen(exchange: Exchange, admitted: Admitted, id: RequestId, record: CallRecord, { kinds, uris, taskIds }: Filter): Promise<Answer> {
    const { principal, endpoint, subject } = admitted;
    const tell = (method: string, params: JsonObject = {}): boolean => exchange.send(notification(id, method, params));
    const waiting: (() => void)[] = [];
    let acknowledged = false;
    // Tasks are asked before the acknowledgement, which has to come first on the stream.
    const tasks = taskIds && this.tasks.watch(admitted, taskIds, (params) => {
      const send = (): boolean => tell('notifications/tasks', params);
      if (acknowledged) send();
      else if (waiting.length < MAX_WATCHED) waiting.push(send);
    });
    const honoured = { ...Object.fromEntries(kinds.map((kind) => [`${kind}ListChanged`, true])), ...(uris ? { resourceSubscriptions: uris } : {}), ...(tasks ? { taskIds: tasks.honoured } : {}) };
    await this.journal.answered(record, ACCEPTED);
    record.isWritten = true;
    tell('notifications/subscriptions/acknowledged', { notifications: honoured });
    acknowledged = true;
    for (const send of waiting) send();
    const look = lookOf(this.door, exchange.header('authorization'), exchange.route, subject, record);
    return new Promise((resolve) => {
      const stops: (() => void)[] = [() => tasks?.stop()];
      const end = (): void => {
        for (const stop of stops.splice(0)) stop();
        resolve(resultAnswer(id, JSON.stringify({ resultType: 'complete', _meta: { [META_SUBSCRIPTION_ID]: id, [META_SERVER_INFO]: SERVER_INFO } })));
      };
      stops.push(this.streams.add({ subject, kinds, look, changed: (kind) => tell(`notifications/${kind}/list_changed`), end }, { principal, endpoint }));
      for (const uri of uris ?? []) stops.push(this.resources.watch({ principal, endpoint }, uri, look, () => tell('notifications/resources/updated', { uri })));
      exchange.whenGone(end);
    });
  }
}

function notification(id: RequestId, method: string, params: JsonObject): string {
  const meta = isObject(params['_meta']) ? params['_meta'] : {};
  return JSON.stringify({ jsonrpc: '2.0', method, params: { ...params, _meta: { ...meta, [META_SUBSCRIPTION_ID]: id } } });
}

/** What is asked for, or what is wrong with it. Unknown members are what a later revision may ask: not honoured. */
function readFilter(given: unknown): Filter | string {
  if (!isObject(given)) return '"notifications" must be an object';
  for (const kind of LIST_KINDS) {
    const wanted = given[`${kind}ListChanged`];
    if (wanted !== undefined && typeof wanted !== 'boolean') return `"${kind}ListChanged" must be a boolean`;
  }
  const { resourceSubscriptions: uris, taskIds } = given;
  if (uris !== undefined && !isTexts(uris)) return `"resourceSubscriptions" must be at most ${MAX_WATCHED} URIs of at most ${MAX_URI_CHARACTERS} characters`;
  if (taskIds !== undefined && !isTexts(taskIds)) return `"taskIds" must be at most ${MAX_WATCHED} task ids`;
  return { kinds: LIST_KINDS.filter((kind) => given[`${kind}ListChanged`] === true), uris, taskIds };
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.length <= MAX_WATCHED && value.every((item) => typeof item === 'string' && item.length <= MAX_URI_CHARACTERS);
}
