import { isObject, readInputRequired, type JsonObject } from '@mcpgw/core-mcp-wire';
import { resultFor } from '../call-tool/translate-back.js';
import type { Trip } from '../call-tool/trip.js';
import { broken, inputRequestsOf } from './modern-results.js';

type Setting = Pick<Trip, 'admitted' | 'wanted'>;

/** A task under the id and with the names that its client knows. Throws `upstream_failed` for what the client must not be shown. */
export function shownTask(setting: Setting, given: JsonObject, taskId: string, capabilities: JsonObject): Record<string, unknown> {
  const task: Record<string, unknown> = { ...given };
  if ('taskId' in given) task['taskId'] = taskId;
  if (isObject(given['inputRequests'])) {
    const read = readInputRequired({ inputRequests: given['inputRequests'] });
    if (typeof read === 'string') throw broken(setting, read);
    task['inputRequests'] = inputRequestsOf(setting, read.asks, capabilities);
  }
  if (isObject(given['result'])) task['result'] = renamed(setting, given['result']);
  return task;
}

/** The result of the tool inside the task: only the names in it are ours to change. */
function renamed({ admitted, wanted }: Setting, result: JsonObject): JsonObject {
  if (result['content'] === undefined) return result;
  return { ...result, content: resultFor('modern', 'tools/call', admitted.endpoint, wanted, result)['content'] };
}
