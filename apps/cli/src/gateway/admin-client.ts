import { z } from 'zod';
import { CliError, EXIT } from '../cli-error.js';
import { agentFor, describeEndpoint, isUnreachable, request, type Endpoint } from './endpoint.js';

const faultBody = z.object({ error: z.object({ code: z.string(), message: z.string(), data: z.record(z.string(), z.unknown()).optional() }) });
const DEADLINE_MS = 20_000;

export interface AdminRequest {
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly body?: unknown;
  readonly timeoutMs?: number;
}

/** The management API. Every reply is parsed; every failure is a CliError that says what to do. */
export class AdminClient {
  private readonly dispatcher;

  constructor(
    readonly endpoint: Endpoint,
    private readonly token: string,
  ) {
    this.dispatcher = agentFor(endpoint);
  }

  async call<T>(method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string, reply: z.ZodType<T>, options: AdminRequest = {}): Promise<T> {
    const { status, text } = await this.send(method, path, options);
    const value = readJson(text);
    if (status >= 200 && status < 300) return reply.parse(value);
    throw this.fault(status, value);
  }

  async close(): Promise<void> {
    await this.dispatcher.destroy();
  }

  private async send(method: string, path: string, { query = {}, body, timeoutMs = DEADLINE_MS }: AdminRequest): Promise<{ status: number; text: string }> {
    const url = new URL(`${this.endpoint.url}/api/v1/${path}`);
    for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, String(value));
    try {
      const reply = await request(url, {
        method: method as 'GET',
        dispatcher: this.dispatcher,
        headers: { authorization: `Bearer ${this.token}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
        body: body === undefined ? null : JSON.stringify(body),
        signal: AbortSignal.timeout(timeoutMs),
      });
      return { status: reply.statusCode, text: await reply.body.text() };
    } catch (cause) {
      if (isUnreachable(cause)) throw unreachable(this.endpoint, cause);
      if (cause instanceof Error && cause.name === 'TimeoutError') throw new CliError(`The gateway at ${describeEndpoint(this.endpoint)} did not answer within ${timeoutMs / 1_000} s. See mcpgw status.`, { code: 'timeout', cause });
      throw new CliError(`The request to ${describeEndpoint(this.endpoint)} failed: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    }
  }

  private fault(status: number, value: unknown): CliError {
    const parsed = faultBody.safeParse(value);
    if (!parsed.success) return new CliError(`What answers at ${describeEndpoint(this.endpoint)} is no MCP Gateway management API (HTTP ${status}). Check --admin-url.`, { exitCode: EXIT.unreachable, code: 'unreachable' });
    const { code, message, data } = parsed.data.error;
    const hint = code === 'unauthenticated' ? ' Give the operator token as --token or MCPGW_ADMIN_TOKEN.' : '';
    return new CliError(`${message}${hint}`, { code, data });
  }
}

export function unreachable(endpoint: Endpoint, cause?: unknown): CliError {
  return new CliError(`No gateway answers at ${describeEndpoint(endpoint)}. Start it with "npm start" or "mcpgw up", or name a running one with --admin-url and --token.`, {
    exitCode: EXIT.unreachable,
    code: 'unreachable',
    cause,
  });
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
