import type { CallId, OrganizationName, ServerName } from '@mcpgw/contracts';
import { silentLogger } from '@mcpgw/platform-runtime';
import type { UpstreamCall } from '../../ports.js';
import type { HttpTarget, HttpUpstreamLimits } from '../http-target.js';
import { HttpUpstreams } from '../http-upstream.js';
import { json, stubServer, type Handler } from './stub-server.js';

export const never: AbortSignal = new AbortController().signal;
export const echo: Handler = (rpc, response) => json(response, 200, { jsonrpc: '2.0', id: rpc.id, result: { content: [], echoed: rpc.params } });

export function call(overrides: Partial<UpstreamCall> = {}): UpstreamCall {
  return { organization: 'acme' as OrganizationName, server: 'crm' as ServerName, revision: 1, callId: '0' as CallId, method: 'tools/call', params: { name: 'echo', arguments: { text: 'hi' } }, timeoutMs: 5_000, ...overrides };
}

/** The fields of a call on behalf of one caller who can be asked for what `capabilities` say. */
export function asker(scope: string, capabilities: Record<string, unknown>, onAsk?: UpstreamCall['onAsk']): Partial<UpstreamCall> {
  return { client: { scope, capabilities }, ...(onAsk === undefined ? {} : { onAsk }) };
}

export interface Heard {
  lists: number;
  readonly uris: string[];
}

/** Real servers on loopback and the upstreams under test, all closed by `close`. */
export class Bench {
  readonly #closers: (() => Promise<unknown>)[] = [];

  async stub(...given: Parameters<typeof stubServer>): ReturnType<typeof stubServer> {
    const server = await stubServer(...given);
    this.#closers.push(server.close);
    return server;
  }

  upstreams(url: string, options: { readonly target?: Partial<HttpTarget>; readonly limits?: Partial<HttpUpstreamLimits>; readonly heard?: Heard } = {}): HttpUpstreams {
    const target: HttpTarget = { url, headers: { authorization: 'Bearer own' }, allowPrivateNetwork: true, era: 'legacy', ...options.target };
    const made = new HttpUpstreams({
      resolve: () => target,
      clientInfo: { name: 'mcp-gateway', version: '0' },
      logger: silentLogger,
      onListChanged: () => void (options.heard !== undefined && (options.heard.lists += 1)),
      onResourceUpdated: (_organization, _server, uri) => options.heard?.uris.push(uri),
      limits: options.limits,
    });
    this.onClose(() => made.close());
    return made;
  }

  onClose(close: () => Promise<unknown>): void {
    this.#closers.push(close);
  }

  async close(): Promise<void> {
    for (const close of this.#closers.splice(0).reverse()) await close();
  }
}

/** Waits for a condition, a few seconds at most. */
export async function until(condition: () => boolean, what = 'the condition'): Promise<void> {
  const endsAt = performance.now() + 5_000;
  while (!condition()) {
    if (performance.now() > endsAt) throw new Error(`Waited in vain for ${what}.`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Begins an event stream; the result writes one event. */
export function eventStream(response: Parameters<Handler>[1]): (message: object | string, id?: string) => void {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.flushHeaders();
  return (message, id) => void response.write(`${id === undefined ? '' : `id: ${id}\n`}data: ${typeof message === 'string' ? message : JSON.stringify({ jsonrpc: '2.0', ...message })}\n\n`);
}
