import { Inject, Injectable } from '@nestjs/common';
import { carriedCapabilities, declaresTasks, NO_CAPABILITIES, type JsonObject } from '@mcpgw/core-mcp-wire';
import type { Admitted } from '../call-tool/door.js';
import { Judge } from '../call-tool/judge.js';
import type { Wanted } from '../call-tool/wanted.js';
import type { TaskNewsPort } from '../session/task-news.js';
import { HTTP_SERVERS, HttpServers } from '../upstreams/http-servers.js';
import { shownTask } from './shown-task.js';
import { TaskIds } from './task-ids.js';
import { upstreamClientOf } from './upstream-client.js';

/**
 * How tasks come on, as their servers tell it (SEP-2663, `notifications/tasks`). Honoured are this caller's own tasks of HTTP
 * servers, whose tool it may still call; of tasks on stdio its client hears when it asks.
 */
@Injectable()
export class ServerTaskNews implements TaskNewsPort {
  constructor(
    private readonly ids: TaskIds,
    private readonly judge: Judge,
    @Inject(HTTP_SERVERS) private readonly servers: HttpServers,
  ) {}

  watch(admitted: Admitted, taskIds: readonly string[], tell: (params: JsonObject) => void): { readonly honoured: readonly string[]; stop(): void } {
    if (!declaresTasks(carriedCapabilities(admitted.envelope?.clientCapabilities))) return { honoured: [], stop: () => undefined };
    const stops = new Map<string, () => void>();
    for (const id of new Set(taskIds)) {
      const stop = this.join(admitted, id, tell);
      if (stop) stops.set(id, stop);
    }
    const stop = (): void => {
      for (const end of stops.values()) end();
    };
    return { honoured: [...stops.keys()], stop };
  }

  private join(admitted: Admitted, id: string, tell: (params: JsonObject) => void): (() => void) | undefined {
    const { principal, endpoint, subject } = admitted;
    const handle = this.ids.open(id, subject);
    const server = handle && endpoint.servers.find(({ config, definition }) => config.name === handle.server && definition?.era === 'modern' && config.http !== undefined);
    if (!handle || !server) return undefined;
    const wanted: Wanted = { action: 'tools/call', destination: { server, target: handle.tool, offer: undefined }, arguments: {}, params: {} };
    if (!this.judge.mayEver(principal, wanted)) return undefined;
    const capabilities = upstreamClientOf(admitted, server, true)?.capabilities ?? NO_CAPABILITIES;
    return this.servers.watchTask(principal.organization, handle.server, handle.taskId, (task) => {
      if (!this.judge.mayEver(principal, wanted)) return;
      try {
        tell(shownTask({ admitted, wanted }, task, id, capabilities));
      } catch {
        // It asks what its client can't be asked: `tasks/get` says so.
      }
    });
  }
}
