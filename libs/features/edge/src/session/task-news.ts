import type { JsonObject } from '@mcpgw/core-mcp-wire';
import type { Admitted } from '../call-tool/door.js';

/** Tells the owner of tasks how they come on (tasks extension: `notifications/tasks` on a `subscriptions/listen`). */
export interface TaskNewsPort {
  /**
   * Watches those of the ids that are this caller's; `honoured` names them as the caller does. `tell` gets the params of each
   * `notifications/tasks`, ids as the caller knows them.
   */
  watch(admitted: Admitted, taskIds: readonly string[], tell: (params: JsonObject) => void): { readonly honoured: readonly string[]; stop(): void };
}
