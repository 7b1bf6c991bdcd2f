import { ASK_TIMEOUT_MS, callAsk, callAskWithdrawn, callEvent, GatewayError, type CallId, type OrganizationName, type ServerName, type UpstreamClient, type UpstreamReply } from '@mcpgw/contracts';
import type { Bus } from '@mcpgw/platform-bus';
import type { Clock } from '@mcpgw/platform-runtime';
import type { OnAsk } from '../instance/asks.js';
import { StoppedFault } from '../instance/instance.js';
import type { InstancePool } from '../instance/instance-pool.js';

export interface InvokeRequest {
  readonly organization: OrganizationName;
  readonly server: ServerName;
  readonly revision: number;
  readonly callId: CallId;
  readonly method: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly timeoutMs: number;
  readonly eventsTo?: string | undefined;
  readonly client?: UpstreamClient | undefined;
}

const MAX_ATTEMPTS = 5;

/** One call to a stdio server, from the lookup of its instance to its answer, within one deadline. */
export class Invoke {
  private readonly running = new Map<CallId, AbortController>();

  constructor(
    private readonly pool: InstancePool,
    private readonly bus: Bus,
    private readonly clock: Clock,
  ) {}

  async run(request: InvokeRequest): Promise<UpstreamReply> {
    const { organization, server, callId, eventsTo, client } = request;
    const deadline = this.clock.now() + request.timeoutMs;
    const abort = new AbortController();
    this.running.set(callId, abort);
    try {
      const onEvent = eventsTo === undefined ? undefined : (method: string, params: Record<string, unknown>) => this.bus.publish(callEvent, { callId, method, params }, { to: eventsTo });
      const onAsk = eventsTo === undefined || client === undefined ? undefined : this.asking(callId, eventsTo);
      for (let attempt = 1; ; attempt += 1) {
        const left = Math.max(1, deadline - this.clock.now());
        const instance = await withinTime(this.pool.acquire(organization, server, request.revision, client), left, server);
        try {
          return await instance.invoke(request.method, request.params, { timeoutMs: Math.max(1, deadline - this.clock.now()), signal: abort.signal, onEvent, onAsk, capabilities: client?.capabilities });
        } catch (error) {
          if (!(error instanceof StoppedFault) || attempt >= MAX_ATTEMPTS) throw error;
        }
      }
    } finally {
      this.running.delete(callId);
    }
  }

  /** The way to the caller: over the edge that made the call. */
  private asking(callId: CallId, edge: string): OnAsk {
    let asked = 0;
    return (method, params, signal) => {
      const askId = `${(asked += 1)}`;
      signal.addEventListener('abort', () => this.bus.publish(callAskWithdrawn, { callId, askId }, { to: edge }), { once: true });
      return this.bus.request(callAsk, { callId, askId, method, params }, { to: edge, timeoutMs: ASK_TIMEOUT_MS, signal });
    };
  }

  /** What is under way, for the heartbeat. */
  calls(): CallId[] {
    return [...this.running.keys()];
  }

  /** A call that this runner doesn't have is another runner's, or answered. */
  cancel(callId: CallId, reason: string | undefined): void {
    this.running.get(callId)?.abort(reason ?? 'The caller cancelled the call.');
  }
}

/** The start goes on without us: the next call finds the server ready. */
function withinTime<T>(work: Promise<T>, timeoutMs: number, server: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new GatewayError('upstream_failed', `The server "${server}" was still starting after ${Math.round(timeoutMs)} ms. Try again.`)), timeoutMs);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}
