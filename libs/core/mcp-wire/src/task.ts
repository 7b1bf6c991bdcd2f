import { isObject, type JsonObject } from './json-rpc.js';

/** The extension by which a server may answer a call with a task (SEP-2663). */
export const TASKS_EXTENSION = 'io.modelcontextprotocol/tasks';

export const TASK_METHODS = ['tasks/get', 'tasks/update', 'tasks/cancel'] as const;
export type TaskMethod = (typeof TASK_METHODS)[number];

export function isTaskMethod(method: string): method is TaskMethod {
  return (TASK_METHODS as readonly string[]).includes(method);
}

/** Longest id of an upstream's task: sealed it still has to fit a header. */
const MAX_TASK_ID_CHARACTERS = 1_024;

export function readTaskId(value: unknown): string | undefined {
  return typeof value === 'string' && value.length > 0 && value.length <= MAX_TASK_ID_CHARACTERS ? value : undefined;
}

/** Whether client or server capabilities declare the extension. */
export function declaresTasks(capabilities: JsonObject | undefined): boolean {
  const extensions = capabilities?.['extensions'];
  return isObject(extensions) && isObject(extensions[TASKS_EXTENSION]);
}

/** The capabilities with or without the extension; the same object when nothing has to change. */
export function withTasks(capabilities: JsonObject): JsonObject {
  if (declaresTasks(capabilities)) return capabilities;
  const extensions = isObject(capabilities['extensions']) ? capabilities['extensions'] : {};
  return { ...capabilities, extensions: { ...extensions, [TASKS_EXTENSION]: {} } };
}

export function withoutTasks(capabilities: JsonObject): JsonObject {
  if (!declaresTasks(capabilities)) return capabilities;
  const { extensions, ...rest } = capabilities;
  const { [TASKS_EXTENSION]: _tasks, ...others } = extensions as JsonObject;
  return Object.keys(others).length === 0 ? rest : { ...rest, extensions: others };
}
