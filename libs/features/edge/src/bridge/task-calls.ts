import { Injectable } from '@nestjs/common';
import { carriedCapabilities, declaresTasks, MISSING_CLIENT_CAPABILITY, NO_CAPABILITIES, quote, TASKS_EXTENSION, type JsonObject, type RequestMessage } from '@mcpgw/core-mcp-wire';
import type { CallRecord } from '../call-tool/call-record.js';
import type { Admitted } from '../call-tool/door.js';
import { Ending } from '../call-tool/ending.js';
import { Invoker } from '../call-tool/invoker.js';
import { Journal } from '../call-tool/journal.js';
import { Judge } from '../call-tool/judge.js';
import { refuseByProtocol, type Refusal } from '../call-tool/refusal.js';
import { requestKey } from '../call-tool/running-calls.js';
import type { Trip } from '../call-tool/trip.js';
import type { ExtensionMethod, Wanted } from '../call-tool/wanted.js';
import type { Answer } from '../http/answer.js';
import type { Exchange } from '../http/exchange.js';
import { ModernResults } from './modern-results.js';
import { shownTask } from './shown-task.js';
import { upstreamClientOf } from './upstream-client.js';

const NO_ARGUMENTS: JsonObject = {};

/**
 * `tasks/get`, `tasks/update` and `tasks/cancel` (SEP-2663). A task is its tool's: who may not call that any more has no task
 * either, and an id that is unknown, altered or another's answers the same. Written down like any call; limits were spent by
 * the call that made the task.
 */
@Injectable()
export class TaskCalls {
  constructor(
    private readonly judge: Judge,
    private readonly journal: Journal,
    private readonly invoker: Invoker,
    private readonly ending: Ending,
    private readonly results: ModernResults,
  ) {}

  async handle(exchange: Exchange, record: CallRecord, admitted: Admitted, { id, method, params = {} }: RequestMessage): Promise<Answer | Refusal> {
    // Up to 2025-11-25 there were other tasks, which the gateway doesn't carry.
    if (admitted.era === 'legacy') return refuseByProtocol(id, 200, { code: -32601, message: `Method not found: ${quote(method)}` });
    if (!declaresTasks(carriedCapabilities(admitted.envelope?.clientCapabilities))) return refuseByProtocol(id, 400, UNDECLARED);
    const wanted = this.find(admitted, params);
    if (!wanted) return unknownTask(id);
    record.wanted = wanted;
    const decision = this.judge.decideUnconditionally(admitted.principal, wanted);
    record.decision = decision;
    if (decision.effect === 'deny') return unknownTask(id);
    const intentId = await this.journal.intent(record, admitted.organization.regulated);
    const key = requestKey(admitted.subject, undefined, id);
    const trip: Trip = { exchange, record, admitted, id, method: method as ExtensionMethod, wanted, params, key, intentId, headers: {} };
    const client = upstreamClientOf(admitted, wanted.destination.server, exchange.readsEvents);
    const arrival = await this.invoker
      .invoke(trip, client && { client })
      .then((reply) => ('error' in reply ? reply : { result: shownTask(trip, reply.result, params['taskId'] as string, client?.capabilities ?? NO_CAPABILITIES) }))
      .catch((thrown: unknown) => ({ thrown }));
    return this.ending.end(trip, arrival);
  }

  private find({ subject, endpoint }: Admitted, params: JsonObject): Wanted | undefined {
    const handle = this.results.task(params['taskId'], subject);
    const server = handle && endpoint.servers.find(({ config, definition }) => config.name === handle.server && definition?.era === 'modern');
    return server && { action: 'tools/call', destination: { server, target: handle.tool, offer: undefined }, arguments: NO_ARGUMENTS, params: { ...params, taskId: handle.taskId } };
  }
}

function unknownTask(id: RequestMessage['id']): Refusal {
  return { ...refuseByProtocol(id, 200, { code: -32602, message: 'Unknown task' }), code: 'not_found' };
}

const UNDECLARED = {
  code: MISSING_CLIENT_CAPABILITY,
  message: `This needs the client capability ${TASKS_EXTENSION}`,
  data: { requiredCapabilities: { extensions: { [TASKS_EXTENSION]: {} } } },
};
