import { isObject, type JsonObject } from '@mcpgw/core-mcp-wire';

const LIST_CHANGED = /^notifications\/(tools|prompts|resources)\/list_changed$/;

export function isListChange(method: string): boolean {
  return LIST_CHANGED.test(method);
}

/** The list changes that capabilities offer, as the filter names them. */
export function offeredListChanges(capabilities: JsonObject | undefined): JsonObject {
  const offered: Record<string, true> = {};
  for (const list of ['tools', 'prompts', 'resources']) {
    const capability = capabilities?.[list];
    if (isObject(capability) && capability['listChanged'] === true) offered[`${list}ListChanged`] = true;
  }
  return offered;
}
