import { Inject, Injectable } from '@nestjs/common';
import { GatewayError, type UpstreamClient, type UpstreamReply } from '@mcpgw/contracts';
import { LOG_LEVELS, META_LOG_LEVEL, metaOf, paramsForLegacy, type JsonObject, type LogLevel } from '@mcpgw/core-mcp-wire';
import { CLOCK, type Clock } from '@mcpgw/platform-runtime';
import type { Exchange } from '../http/exchange.js';
import type { UpstreamCall, UpstreamPort } from '../ports.js';
import { Sessions } from '../session/sessions.js';
import { UPSTREAMS } from '../tokens.js';
import type { Admitted } from './door.js';
import { RunningCalls, type RunningCall } from './running-calls.js';
import type { Trip } from './trip.js';

/** What a trip has beyond a plain one's. */
export interface TripOptions {
  readonly client?: UpstreamClient | undefined;
  readonly onAsk?: UpstreamCall['onAsk'] | undefined;
  /** Instead of relaying to the exchange of the trip. */
  readonly onEvent?: UpstreamCall['onEvent'] | undefined;
  /** Instead of what the trip wanted; for a modern server. */
  readonly method?: string;
  readonly params?: JsonObject;
}

const PLAIN: TripOptions = {};

/** The trip to the upstream: bounded in number and time, cancelled with its client, its notifications relayed. */
@Injectable()
export class Invoker {
  constructor(
    @Inject(UPSTREAMS) private readonly upstreams: UpstreamPort,
    @Inject(CLOCK) private readonly clock: Clock,
    private readonly running: RunningCalls,
    private readonly sessions: Sessions,
  ) {}

  /** The whole of a call that goes to its server once. */
  async invoke(trip: Trip, options: TripOptions = PLAIN): Promise<UpstreamReply> {
    const call = this.begin(trip);
    trip.exchange.whenGone(call.abort);
    try {
      return await this.send(trip, call.signal, options);
    } finally {
      call.end();
    }
  }

  /** Takes a place among the calls under way; the caller ends it. Throws `unavailable` when there is none left. */
  begin({ exchange, key }: Pick<Trip, 'exchange' | 'key'>): RunningCall {
    const call = this.running.begin(key);
    if (!call) throw new GatewayError('unavailable', 'The gateway has as many calls under way as it may. Try again.');
    exchange.expectDelay();
    return call;
  }

  async send({ exchange, record, admitted, method, wanted }: Trip, signal: AbortSignal, { client, onAsk, onEvent, ...instead }: TripOptions): Promise<UpstreamReply> {
    const startedUs = this.clock.monotonicUs();
    const { server } = wanted.destination;
    const isModern = server.definition?.era === 'modern';
    const level = admitted.era === 'modern' ? admitted.envelope?.logLevel : this.sessions.logLevel(admitted.session);
    const listener = onEvent ?? (exchange.readsEvents ? (event: string, params: Record<string, unknown>) => relay(exchange, level, event, params) : undefined);
    try {
      return await this.upstreams.invoke(
        {
          organization: admitted.principal.organization,
          server: server.config.name,
          revision: server.revision,
          callId: record.callId,
          method: instead.method ?? method,
          params: isModern ? withLogLevel(instead.params ?? wanted.params, admitted, level) : paramsForLegacy(wanted.params),
          timeoutMs: server.config.callTimeoutSeconds * 1_000,
          ...(client ? { client } : {}),
          ...(onAsk ? { onAsk } : {}),
          ...(listener ? { onEvent: listener } : {}),
          ...(exchange.mayPause ? { onPause: () => exchange.pause() } : {}),
        },
        signal,
      );
    } finally {
      record.upstreamUs = (record.upstreamUs ?? 0) + this.clock.monotonicUs() - startedUs;
    }
  }
}

/** A session's level, which its client set once, for a server that wants to hear it with each request. */
function withLogLevel(params: JsonObject, { session }: Admitted, level: LogLevel | undefined): JsonObject {
  return session === undefined || level === undefined ? params : { ...params, _meta: { ...metaOf(params), [META_LOG_LEVEL]: level } };
}

/** Progress as it comes, and log messages from `level` on; without one, none. Nothing else belongs to a call. */
export function relay(exchange: Exchange, level: LogLevel | undefined, method: string, params: Record<string, unknown>): void {
  if (method === 'notifications/message' && !isWantedLevel(level, params['level'])) return;
  if (method !== 'notifications/progress' && method !== 'notifications/message') return;
  try {
    exchange.notify(method, params);
  } catch {
    // Nested too deeply to be written: what a server says on the side must not end its call.
  }
}

function isWantedLevel(wanted: LogLevel | undefined, level: unknown): boolean {
  const levels: readonly unknown[] = LOG_LEVELS;
  return wanted !== undefined && levels.indexOf(level) >= levels.indexOf(wanted);
}
