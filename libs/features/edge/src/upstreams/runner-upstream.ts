import { callEvent, GatewayError, runnerCancel, runnerInvoke, type UpstreamReply } from '@mcpgw/contracts';
import type { Bus, Subscription } from '@mcpgw/platform-bus';
import type { UpstreamCall, UpstreamPort } from '../ports.js';

/** On top of the call's own time: the runner's answer that time is up says more than our own. */
const GRACE_MS = 1_000;

/** Servers on stdio, which the runner holds; it is reached over the bus. */
export class RunnerUpstream implements UpstreamPort {
  private readonly listeners = new Map<string, NonNullable<UpstreamCall['onEvent']>>();
  private subscription: Subscription | undefined;

  /** `instance` is what runners address this edge's events to. */
  constructor(
    private readonly bus: Bus,
    private readonly instance: string,
  ) {}

  start(): void {
    this.subscription = this.bus.subscribe(callEvent, ({ callId, method, params }) => this.listeners.get(callId)?.(method, params), { as: this.instance });
  }

  async close(): Promise<void> {
    await this.subscription?.close();
  }

  async invoke({ organization, server, revision, callId, method, params, timeoutMs, onEvent }: UpstreamCall, signal: AbortSignal): Promise<UpstreamReply> {
    if (signal.aborted) throw new GatewayError('cancelled', `The call to "${server}" was cancelled before it began.`);
    const cancel = (): void => this.bus.publish(runnerCancel, { callId, reason: 'the client went away or cancelled' });
    signal.addEventListener('abort', cancel, { once: true });
    if (onEvent) this.listeners.set(callId, onEvent);
    try {
      const request = { organization, server, revision, callId, method, params: { ...params }, timeoutMs, ...(onEvent ? { eventsTo: this.instance } : {}) };
      return await this.bus.request(runnerInvoke, request, { timeoutMs: timeoutMs + GRACE_MS, signal });
    } catch (error) {
      throw this.named(error, server, cancel);
    } finally {
      signal.removeEventListener('abort', cancel);
      this.listeners.delete(callId);
    }
  }

  /** Faults of the bus in the words of this port. */
  private named(error: unknown, server: string, cancel: () => void): unknown {
    if (!(error instanceof GatewayError)) return error;
    if (error.code === 'unavailable') return new GatewayError('upstream_failed', `The server "${server}" can't be reached: no runner answers. The operator starts one with: nx serve runner.`, { cause: error });
    if (error.code === 'timeout') cancel();
    return error;
  }
}
