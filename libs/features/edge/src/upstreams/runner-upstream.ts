import { ASK_TIMEOUT_MS, callAsk, callAskWithdrawn, callEvent, GatewayError, RUNNER_HEARTBEAT_MS, runnerCancel, runnerHeartbeat, runnerInvoke, type CallId, type UpstreamReply } from '@mcpgw/contracts';
import type { Bus, Subscription } from '@mcpgw/platform-bus';
import type { z } from 'zod';
import type { UpstreamCall, UpstreamPort } from '../ports.js';
import { CallDeadline } from '../upstream/call-deadline.js';

/** On top of the call's own time: the runner's answer that time is up says more than our own. */
const GRACE_MS = 1_000;

/** Heartbeats that may miss a call before its runner counts as gone: the first may come before the call has reached it. */
const SILENT_BEATS = 4;

/** What a runner lets one call ask. So long, at most, the bus may wait for a call whose time stands still with each question. */
const MAX_ASKS = 64;

/** A call under way. */
interface Running {
  /** Heartbeats since a runner last named it. */
  silent: number;
  readonly giveUp: () => void;
  readonly onEvent: UpstreamCall['onEvent'];
  readonly onAsk: UpstreamCall['onAsk'];
  /** Of a call that can ask; any other has the bus's own. */
  readonly deadline: CallDeadline | undefined;
  /** Questions that are open, by the runner's id. Aborting one ends it. */
  readonly asks: Map<string, AbortController>;
}

/** Servers on stdio, which the runner holds; it is reached over the bus. */
export class RunnerUpstream implements UpstreamPort {
  private readonly calls = new Map<CallId, Running>();
  private subscriptions: Subscription[] = [];
  private watch: NodeJS.Timeout | undefined;

  /** `instance` is what runners address this edge's events and questions to. */
  constructor(
    private readonly bus: Bus,
    private readonly instance: string,
  ) {}

  start(): void {
    this.subscriptions = [
      this.bus.subscribe(callEvent, ({ callId, method, params }) => this.calls.get(callId)?.onEvent?.(method, params), { as: this.instance }),
      this.bus.handle(callAsk, (request) => this.ask(request), { as: this.instance }),
      this.bus.subscribe(callAskWithdrawn, ({ callId, askId }) => this.calls.get(callId)?.asks.get(askId)?.abort(), { as: this.instance }),
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
    for (const call of this.calls.values()) endAsks(call);
    await Promise.all(this.subscriptions.map((subscription) => subscription.close()));
  }

  async invoke(call: UpstreamCall, signal: AbortSignal): Promise<UpstreamReply> {
    const { server, callId, timeoutMs, onEvent, onAsk } = call;
    if (signal.aborted) throw new GatewayError('cancelled', `The call to "${server}" was cancelled before it began.`);
    const cancel = (): void => this.bus.publish(runnerCancel, { callId, reason: 'the client went away or cancelled' });
    // One controller for all ways to stop: joining two signals costs more than all the rest of this.
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
    const deadline = onAsk && new CallDeadline(timeoutMs + GRACE_MS);
    deadline?.onStop(() => stop.abort());
    const running: Running = { silent: 0, giveUp, onEvent, onAsk, deadline, asks: new Map() };
    this.calls.set(callId, running);
    try {
      const waitMs = timeoutMs + GRACE_MS + (onAsk ? MAX_ASKS * ASK_TIMEOUT_MS : 0);
      return await this.bus.request(runnerInvoke, this.requestOf(call), { timeoutMs: waitMs, signal: stop.signal });
    } catch (error) {
      if (isLost) throw new GatewayError('upstream_lost', `The runner of the server "${server}" went away during the call, which may have run.`, { cause: error });
      if (deadline?.reason === 'timeout') {
        cancel();
        throw new GatewayError('timeout', `The server "${server}" did not answer ${call.method} within ${Math.round(timeoutMs)} ms.`, { cause: error });
      }
      throw this.named(error, server, cancel);
    } finally {
      signal.removeEventListener('abort', cancelled);
      deadline?.dispose();
      this.calls.delete(callId);
      endAsks(running);
    }
  }

  private countSilence(): void {
    for (const call of this.calls.values()) if ((call.silent += 1) > SILENT_BEATS) call.giveUp();
  }

  private requestOf({ organization, server, revision, callId, method, params, timeoutMs, client, onEvent, onAsk }: UpstreamCall): z.output<typeof runnerInvoke.request> {
    const wantsUs = onEvent !== undefined || onAsk !== undefined;
    return { organization, server, revision, callId, method, params: { ...params }, timeoutMs, ...(wantsUs ? { eventsTo: this.instance } : {}), ...(client ? { client } : {}) };
  }

  /** A server asks the caller of a running call. The call's time stands still until the answer is there. */
  private async ask({ callId, askId, method, params }: z.output<typeof callAsk.request>): Promise<UpstreamReply> {
    const call = this.calls.get(callId);
    if (!call?.onAsk) throw new GatewayError('not_found', 'No such call is under way here, or its caller can not be asked.');
    const withdrawn = new AbortController();
    const over = new Promise<never>((_resolve, reject) => {
      withdrawn.signal.addEventListener('abort', () => reject(new GatewayError('cancelled', 'Nobody waits for the answer any more.')), { once: true });
    });
    call.asks.set(askId, withdrawn);
    call.deadline?.pause();
    try {
      return await Promise.race([call.onAsk(method, params, withdrawn.signal), over]);
    } finally {
      call.deadline?.resume();
      call.asks.delete(askId);
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

/** Nobody waits for them any more; their handlers must not outlive the call. */
function endAsks(call: Running): void {
  for (const ask of call.asks.values()) ask.abort();
}
