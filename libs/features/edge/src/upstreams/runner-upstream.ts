import { callEvent, GatewayError, RUNNER_HEARTBEAT_MS, runnerCancel, runnerHeartbeat, runnerInvoke, type UpstreamReply } from '@mcpgw/contracts';
import type { Bus, Subscription } from '@mcpgw/platform-bus';
import type { UpstreamCall, UpstreamPort } from '../ports.js';

/** On top of the call's own time: the runner's answer that time is up says more than our own. */
const GRACE_MS = 1_000;

/** Heartbeats that may miss a call before its runner counts as gone: the first may come before the call has reached it. */
const SILENT_BEATS = 4;

/** Servers on stdio, which the runner holds; it is reached over the bus. */
export class RunnerUpstream implements UpstreamPort {
  private readonly listeners = new Map<string, NonNullable<UpstreamCall['onEvent']>>();
  /** Calls under way: beats since a runner last named them, and how to give them up. */
  private readonly calls = new Map<string, { silent: number; readonly giveUp: () => void }>();
  private subscriptions: Subscription[] = [];
  private watch: NodeJS.Timeout | undefined;

  /** `instance` is what runners address this edge's events to. */
  constructor(
    private readonly bus: Bus,
    private readonly instance: string,
  ) {}

  start(): void {
    this.subscriptions = [
      this.bus.subscribe(callEvent, ({ callId, method, params }) => this.listeners.get(callId)?.(method, params), { as: this.instance }),
      this.bus.subscribe(runnerHeartbeat, ({ calls }) => {
        for (const callId of calls) {
          const call = this.calls.get(callId);
          if (call) call.silent = 0;
        }
      }),
    ];
    this.watch = setInterval(() => this.countSilence(), RUNNER_HEARTBEAT_MS).unref();
  }

  async close(): Promise<void> {
    clearInterval(this.watch);
    await Promise.all(this.subscriptions.map((subscription) => subscription.close()));
  }

  private countSilence(): void {
    for (const call of this.calls.values()) if ((call.silent += 1) > SILENT_BEATS) call.giveUp();
  }

  async invoke({ organization, server, revision, callId, method, params, timeoutMs, onEvent }: UpstreamCall, signal: AbortSignal): Promise<UpstreamReply> {
    if (signal.aborted) throw new GatewayError('cancelled', `The call to "${server}" was cancelled before it began.`);
    const cancel = (): void => this.bus.publish(runnerCancel, { callId, reason: 'the client went away or cancelled' });
    // One controller for both ways to stop: joining two signals costs more than all the rest of this.
    const stop = new AbortController();
    let isLost = false;
    const cancelled = (): void => {
      cancel();
      stop.abort();
    };
    const giveUp = (): void => {
      isLost = true;
      stop.abort();
    };
    signal.addEventListener('abort', cancelled, { once: true });
    if (onEvent) this.listeners.set(callId, onEvent);
    this.calls.set(callId, { silent: 0, giveUp });
    try {
      const request = { organization, server, revision, callId, method, params: { ...params }, timeoutMs, ...(onEvent ? { eventsTo: this.instance } : {}) };
      return await this.bus.request(runnerInvoke, request, { timeoutMs: timeoutMs + GRACE_MS, signal: stop.signal });
    } catch (error) {
      throw isLost ? new GatewayError('upstream_lost', `The runner of the server "${server}" went away during the call, which may have run.`, { cause: error }) : this.named(error, server, cancel);
    } finally {
      signal.removeEventListener('abort', cancelled);
      this.listeners.delete(callId);
      this.calls.delete(callId);
    }
  }

  /** Faults of the bus in the words of this port. */
  private named(error: unknown, server: string, cancel: () => void): unknown {
    if (!(error instanceof GatewayError)) return error;
    if (error.code === 'unavailable') return new GatewayError('upstream_failed', `The server "${server}" can't be reached: no runner answers. The operator starts one with: nx serve runner.`, { cause: error });
    if (error.code === 'connection_lost') return new GatewayError('upstream_lost', `The way to the runner of the server "${server}" broke during the call, which may have run.`, { cause: error });
    if (error.code === 'timeout') cancel();
    return error;
  }
}
