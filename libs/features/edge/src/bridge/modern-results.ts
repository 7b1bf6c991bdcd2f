import { Injectable } from '@nestjs/common';
import { GatewayError, type UpstreamClient, type UpstreamReply } from '@mcpgw/contracts';
import { askForModern, carriedCapabilities, declaresTasks, isObject, mayAskForInput, MISSING_CLIENT_CAPABILITY, NO_CAPABILITIES, readInputRequired, readTaskId, resultTypeOf, urlElicitationsOf, type Ask, type JsonObject, type RpcError } from '@mcpgw/core-mcp-wire';
import type { Trip } from '../call-tool/trip.js';
import { bindingOf, RequestStates } from './request-states.js';
import { isAskable, shownAsk } from './shown-ask.js';
import { TaskIds, type TaskHandle } from './task-ids.js';

type Setting = Pick<Trip, 'admitted' | 'method' | 'wanted'>;

/** What a modern server says of the hop between it and us, said of the hop between us and a modern client. */
@Injectable()
export class ModernResults {
  constructor(
    private readonly states: RequestStates,
    private readonly tasks: TaskIds,
  ) {}

  /** The task that a client means; `undefined` for whatever isn't one of this subject's. */
  task(shown: unknown, subject: string): TaskHandle | undefined {
    return this.tasks.open(shown, subject);
  }

  /** Throws `upstream_failed` for what the client must not be shown. */
  reply(setting: Setting, reply: UpstreamReply, client: UpstreamClient | undefined): UpstreamReply {
    if ('error' in reply) return reply.error.code === MISSING_CLIENT_CAPABILITY ? { error: missing(setting, reply.error, client) } : reply;
    switch (resultTypeOf(reply.result)) {
      case 'input_required':
        return { result: this.inputRequired(setting, reply.result, client?.capabilities ?? NO_CAPABILITIES) };
      case 'task':
        return { result: this.created(setting, reply.result, client?.capabilities) };
      default:
        return reply;
    }
  }

  /** A legacy server's reply: "visit this URL first" was an error up to 2025-11-25 and is a question since. */
  ofLegacy(setting: Setting, reply: UpstreamReply, client: UpstreamClient | undefined): UpstreamReply {
    const asks = 'error' in reply ? urlElicitationsOf(reply.error) : undefined;
    if (!asks || !mayAskForInput(setting.method)) return reply;
    const capabilities = client?.capabilities ?? NO_CAPABILITIES;
    if (![...asks.values()].every((ask) => isAskable(capabilities, ask))) return unvisited(setting, asks);
    const inputRequests = Object.fromEntries([...asks].map(([key, ask]) => [key, askForModern(shownAsk(setting, ask))]));
    // Once the user has been there, the same call is made again: there is nothing of it to go on with.
    const requestState = this.states.ofUpstream(bindingOf(setting.admitted.subject, setting.method, setting.wanted), undefined);
    return { result: { resultType: 'input_required', inputRequests, requestState } };
  }

  private inputRequired(setting: Setting, result: JsonObject, capabilities: JsonObject): Record<string, unknown> {
    const { admitted, method, wanted } = setting;
    const read = readInputRequired(result);
    if (typeof read === 'string' || !mayAskForInput(method)) throw broken(setting, typeof read === 'string' ? read : 'this method can not ask for anything');
    const { requestState: _state, inputRequests: _requests, ...rest } = result;
    const requests = read.asks.size === 0 ? {} : { inputRequests: inputRequestsOf(setting, read.asks, capabilities) };
    if (read.requestState === undefined) return { ...rest, ...requests };
    const state = this.states.ofUpstream(bindingOf(admitted.subject, method, wanted), read.requestState);
    if (state === undefined) throw broken(setting, 'its "requestState" is too long');
    return { ...rest, ...requests, requestState: state };
  }

  private created(setting: Setting, result: JsonObject, capabilities: JsonObject | undefined): Record<string, unknown> {
    const { admitted, wanted } = setting;
    if (setting.method !== 'tools/call') throw broken(setting, 'only a call of a tool can become a task');
    if (!declaresTasks(capabilities)) throw broken(setting, 'it made a task for a client that has not declared that it knows tasks');
    const taskId = readTaskId(result['taskId']);
    const shown = taskId === undefined ? undefined : this.tasks.shown({ server: wanted.destination.server.config.name, taskId, tool: wanted.destination.target }, admitted.subject);
    if (shown === undefined) throw broken(setting, 'the id of its task is missing or too long');
    return { ...result, taskId: shown };
  }
}

/** `inputRequests` for the client, none of which it has not declared. */
export function inputRequestsOf(setting: Pick<Trip, 'admitted' | 'wanted'>, asks: ReadonlyMap<string, Ask>, capabilities: JsonObject): Record<string, JsonObject> {
  return Object.fromEntries(
    [...asks].map(([key, ask]) => {
      if (!isAskable(capabilities, ask)) throw broken(setting, `it asks for ${ask.method}, which the client has not declared`);
      const { method, params } = shownAsk(setting, ask);
      // As it came: a request without params has none.
      return [key, Object.keys(params).length === 0 ? { method } : { method, params }];
    }),
  );
}

/** For a client that can't be sent anywhere: its user may still go there by hand. */
function unvisited({ method, wanted }: Setting, asks: ReadonlyMap<string, Ask>): UpstreamReply {
  const urls = [...asks.values()].map(({ params }) => String(params['url'])).join(' ');
  const message = `The server "${wanted.destination.server.config.name}" needs its user to visit this first: ${urls}`;
  return method === 'tools/call' ? { result: { content: [{ type: 'text', text: message }], isError: true } } : { error: { code: -32603, message } };
}

export function broken({ wanted }: Pick<Trip, 'wanted'>, why: string): GatewayError {
  return new GatewayError('upstream_failed', `The server "${wanted.destination.server.config.name}" gave an answer that can't be passed on: ${why}.`);
}

/**
 * A server that misses a capability speaks of those that we declared to it. What the client itself left out it can add; what the
 * client declared and we didn't pass is ours to explain.
 */
function missing(setting: Setting, error: RpcError, client: UpstreamClient | undefined): RpcError {
  const required = isObject(error.data) ? error.data['requiredCapabilities'] : undefined;
  const lacking = lackingOf(carriedCapabilities(required), carriedCapabilities(setting.admitted.envelope?.clientCapabilities));
  if (Object.keys(lacking).length > 0) return { code: MISSING_CLIENT_CAPABILITY, message: error.message, data: { requiredCapabilities: lacking } };
  throw broken(setting, client === undefined ? 'it needs to ask its clients, and here all share one session' : 'it needs a capability that this gateway does not carry');
}

function lackingOf(required: JsonObject, declared: JsonObject): JsonObject {
  const entries = Object.entries(required).map(([name, value]): [string, unknown] => {
    const has = declared[name];
    if (!isObject(value) || !isObject(has)) return [name, has === undefined ? value : undefined];
    const parts = Object.entries(value).filter(([part]) => !(part in has));
    return [name, parts.length === 0 ? undefined : Object.fromEntries(parts)];
  });
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}
