import { encodeHeaderValue, isObject, LATEST_MODERN_VERSION, META_CLIENT_CAPABILITIES, META_CLIENT_INFO, META_PROTOCOL_VERSION, nameHeaderSource, SseDecoder, type JsonObject } from '@mcpgw/core-mcp-wire';
import { CliError, EXIT } from '../cli-error.js';
import { agentFor, describeEndpoint, isUnreachable, request, type Endpoint, type HttpReply } from './endpoint.js';

export interface Tool extends JsonObject {
  readonly name: string;
  readonly description?: string;
}

const DEADLINE_MS = 310_000;
const MAX_ANSWER_BYTES = 64 * 1_048_576;
const MOST_PAGES = 1_000;

/** A stateless client of MCP 2026-07-28: one POST for each request, as the consumer that holds the key. */
export class EdgeClient {
  private readonly dispatcher;
  private nextId = 1;

  constructor(
    readonly endpoint: Endpoint,
    private readonly key: string,
    private readonly route: string | undefined,
  ) {
    this.dispatcher = agentFor(endpoint, { headersTimeout: DEADLINE_MS, bodyTimeout: DEADLINE_MS });
  }

  async tools(): Promise<readonly Tool[]> {
    const tools: Tool[] = [];
    let cursor: string | undefined;
    for (let page = 0; page < MOST_PAGES; page++) {
      const result = await this.ask('tools/list', cursor === undefined ? {} : { cursor });
      if (Array.isArray(result['tools'])) tools.push(...(result['tools'] as Tool[]));
      if (typeof result['nextCursor'] !== 'string') return tools;
      cursor = result['nextCursor'];
    }
    throw new CliError(`The edge lists more tools than ${MOST_PAGES} pages hold.`);
  }

  /** The result; a JSON-RPC error is thrown as a CliError with its code and data. */
  async ask(method: string, params: JsonObject, timeoutMs = DEADLINE_MS): Promise<JsonObject> {
    const id = this.nextId++;
    const envelope = { [META_PROTOCOL_VERSION]: LATEST_MODERN_VERSION, [META_CLIENT_CAPABILITIES]: {}, [META_CLIENT_INFO]: { name: 'mcpgw', version: '0.1.0' } };
    const name = nameHeaderSource(method, params);
    const message = await this.post(id, { jsonrpc: '2.0', id, method, params: { ...params, _meta: envelope } }, timeoutMs, {
      'mcp-protocol-version': LATEST_MODERN_VERSION,
      'mcp-method': method,
      ...(name === undefined ? {} : { 'mcp-name': encodeHeaderValue(name) }),
    });
    if (isObject(message['result'])) return message['result'];
    const error = isObject(message['error']) ? message['error'] : {};
    throw new CliError(typeof error['message'] === 'string' ? error['message'] : 'The edge answered with neither a result nor an error.', { code: 'refused', data: { jsonRpcCode: error['code'], data: error['data'] } });
  }

  async close(): Promise<void> {
    await this.dispatcher.destroy();
  }

  private async post(id: number, message: JsonObject, timeoutMs: number, headers: Record<string, string>): Promise<JsonObject> {
    try {
      const reply = await request(`${this.endpoint.url}/mcp${this.route === undefined ? '' : `/${encodeURIComponent(this.route)}`}`, {
        method: 'POST',
        dispatcher: this.dispatcher,
        headers: { ...headers, authorization: `Bearer ${this.key}`, 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
        body: JSON.stringify(message),
        signal: AbortSignal.timeout(timeoutMs),
      });
      return await this.read(reply, id);
    } catch (cause) {
      if (isUnreachable(cause)) {
        throw new CliError(`No gateway answers at ${describeEndpoint(this.endpoint)}. Start it with "npm start" or "mcpgw up", or name a running one with MCPGW_EDGE_URL.`, { exitCode: EXIT.unreachable, code: 'unreachable', cause });
      }
      if (cause instanceof Error && cause.name === 'TimeoutError') throw new CliError(`The edge did not answer within ${timeoutMs / 1_000} s.`, { code: 'timeout', cause });
      throw cause;
    }
  }

  private async read(reply: HttpReply, id: number): Promise<JsonObject> {
    const type = String(reply.headers['content-type'] ?? '');
    if (type.startsWith('text/event-stream')) return readStream(reply, id);
    const text = await reply.body.text();
    try {
      const value = JSON.parse(text) as unknown;
      if (isObject(value) && (isObject(value['result']) || isObject(value['error']))) return value;
    } catch {
      // Said below: whatever it is, it is no MCP answer.
    }
    throw new CliError(`What answers at ${describeEndpoint(this.endpoint)} is no MCP endpoint (HTTP ${reply.statusCode}).`, { exitCode: EXIT.unreachable, code: 'unreachable' });
  }
}

async function readStream(reply: HttpReply, id: number): Promise<JsonObject> {
  const decoder = new SseDecoder({ maxEventBytes: MAX_ANSWER_BYTES });
  for await (const chunk of reply.body) {
    for (const { data } of decoder.push(chunk as Buffer)) {
      const value = JSON.parse(data) as unknown;
      if (isObject(value) && value['id'] === id && value['method'] === undefined) return value;
    }
    if (decoder.overflowed) throw new CliError('The answer is larger than 64 MiB.');
  }
  throw new CliError('The stream ended before the answer came.', { code: 'upstream_lost' });
}
