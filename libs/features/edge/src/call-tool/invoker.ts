import { Inject, Injectable } from '@nestjs/common';
import { GatewayError, type UpstreamReply } from '@mcpgw/contracts';
import { LOG_LEVELS, paramsForLegacy } from '@mcpgw/core-mcp-wire';
import { CLOCK, type Clock } from '@mcpgw/platform-runtime';
import type { Exchange } from '../http/exchange.js';
import type { UpstreamPort } from '../ports.js';
import { UPSTREAMS } from '../tokens.js';
import type { CallRecord } from './call-record.js';
import type { Admitted } from './door.js';
import { RunningCalls } from './running-calls.js';
import type { GovernedMethod, Wanted } from './wanted.js';

export interface Invocation {
  readonly exchange: Exchange;
  readonly record: CallRecord;
  readonly admitted: Admitted;
  readonly method: GovernedMethod;
  readonly wanted: Wanted;
  /** Names the call for a `notifications/cancelled` of its client. */
  readonly key: string;
}

/** The trip to the upstream: bounded in number and time, cancelled with its client, its notifications relayed. */
@Injectable()
export class Invoker {
  constructor(
    @Inject(UPSTREAMS) private readonly upstreams: UpstreamPort,
    @Inject(CLOCK) private readonly clock: Clock,
    private readonly running: RunningCalls,
  ) {}

  async invoke({ exchange, record, admitted, method, wanted, key }: Invocation): Promise<UpstreamReply> {
    const call = this.running.begin(key);
    if (!call) throw new GatewayError('unavailable', 'The gateway has as many calls under way as it may. Try again.');
    exchange.whenGone(call.abort);
    const startedUs = this.clock.monotonicUs();
    const { server } = wanted.destination;
    exchange.expectDelay();
    try {
      return await this.upstreams.invoke(
        {
          organization: admitted.principal.organization,
          server: server.config.name,
          revision: server.revision,
          callId: record.callId,
          method,
          params: server.definition?.era === 'modern' ? wanted.params : paramsForLegacy(wanted.params),
          timeoutMs: server.config.callTimeoutSeconds * 1_000,
          ...(exchange.readsEvents ? { onEvent: (event, params) => relay(exchange, admitted, event, params) } : {}),
        },
        call.signal,
      );
    } finally {
      record.upstreamUs = this.clock.monotonicUs() - startedUs;
      call.end();
    }
  }
}

/** Progress as it comes; log messages too, to a modern client only those that it asked for. Nothing else belongs to a call. */
function relay(exchange: Exchange, { era, envelope }: Admitted, method: string, params: Record<string, unknown>): void {
  if (method === 'notifications/message' && era === 'modern' && !isWantedLevel(envelope?.logLevel, params['level'])) return;
  if (method !== 'notifications/progress' && method !== 'notifications/message') return;
  try {
    exchange.notify(method, params);
  } catch {
    // Nested too deeply to be written: what a server says on the side must not end its call.
  }
}

function isWantedLevel(wanted: string | undefined, level: unknown): boolean {
  const levels: readonly unknown[] = LOG_LEVELS;
  return wanted !== undefined && levels.indexOf(level) >= levels.indexOf(wanted);
}
