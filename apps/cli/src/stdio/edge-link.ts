import type { Agent } from 'undici';
import { agentFor, describeEndpoint, neverConnected, request, type Endpoint, type HttpReply } from '../gateway/endpoint.js';

/** Where the gateway is and who we are there. Asked again when it does not answer: a restarted one may have moved. */
export type Whereabouts = () => { readonly endpoint: Endpoint; readonly key: string };

const RETRY_MS: readonly number[] = [200, 500, 1_000, 2_000];

/** HTTP to the edge's MCP endpoint. Calls may take long and streams stay open: only their owner ends them. */
export class EdgeLink {
  private at: ReturnType<Whereabouts>;
  private agent: Agent;

  constructor(
    private readonly whereabouts: Whereabouts,
    private readonly route: string | undefined,
  ) {
    this.at = whereabouts();
    this.agent = newAgent(this.at.endpoint);
  }

  get place(): string {
    return describeEndpoint(this.at.endpoint);
  }

  /** Repeats only what can't have been handled: nobody took the connection, as while a gateway restarts. */
  async post(body: string, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<HttpReply> {
    for (let attempt = 0; ; attempt++) {
      const { key } = this.at;
      try {
        const reply = await this.send('POST', { ...headers, 'content-type': 'application/json', accept: 'application/json, text/event-stream' }, signal, body);
        if (reply.statusCode !== 401) return reply;
        this.lookAgain();
        if (this.at.key === key || attempt > 0) return reply;
        await reply.body.dump();
      } catch (error) {
        const wait = RETRY_MS[attempt];
        if (wait === undefined || signal.aborted || !neverConnected(error)) throw error;
        await pause(wait, signal);
        this.lookAgain();
      }
    }
  }

  open(headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<HttpReply> {
    return this.send('GET', { ...headers, accept: 'text/event-stream' }, signal);
  }

  end(headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<HttpReply> {
    return this.send('DELETE', headers, signal);
  }

  async close(): Promise<void> {
    await this.agent.destroy();
  }

  private send(method: 'GET' | 'POST' | 'DELETE', headers: Readonly<Record<string, string>>, signal: AbortSignal, body?: string): Promise<HttpReply> {
    const url = `${this.at.endpoint.url}/mcp${this.route === undefined ? '' : `/${encodeURIComponent(this.route)}`}`;
    return request(url, { method, dispatcher: this.agent, headers: { ...headers, authorization: `Bearer ${this.at.key}` }, body: body ?? null, signal });
  }

  /** While a gateway begins anew it has not said yet where it is. */
  private look(): ReturnType<Whereabouts> {
    try {
      return this.whereabouts();
    } catch {
      return this.at;
    }
  }

  private lookAgain(): void {
    const now = this.look();
    const moved = now.endpoint.url !== this.at.endpoint.url || now.endpoint.socketPath !== this.at.endpoint.socketPath;
    this.at = now;
    if (!moved) return;
    // Requests under way on the old one go on until they end.
    void this.agent.close().catch(() => {});
    this.agent = newAgent(now.endpoint);
  }
}

function newAgent(at: Endpoint): Agent {
  return agentFor(at, { headersTimeout: 0, bodyTimeout: 0 });
}

/** Ends early when the signal comes. */
export function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, milliseconds);
    signal.addEventListener('abort', end);
  });
}
