import { isObject, paramHeaderValues, readParamHeaders, type JsonObject, type ParamHeader } from '@mcpgw/core-mcp-wire';

const MOST_TOOLS = 10_000;

/**
 * Which arguments of which tool go as headers too (MCP 2026-07-28, tools, `x-mcp-header`). On stdio a client need not care;
 * over HTTP, which is how this command calls, they must be there. Learnt from the lists that the client sees.
 */
export class ParamMemory {
  private readonly tools = new Map<string, readonly ParamHeader[]>();

  /** Takes a page of tools/list. Tools without such arguments need no place. */
  learn(result: unknown): void {
    const tools = isObject(result) ? result['tools'] : undefined;
    if (!Array.isArray(tools)) return;
    for (const tool of tools as readonly unknown[]) {
      if (!isObject(tool) || typeof tool['name'] !== 'string') continue;
      const read = isObject(tool['inputSchema']) ? readParamHeaders(tool['inputSchema']) : undefined;
      if (read?.ok !== true || read.headers.length === 0) this.tools.delete(tool['name']);
      else if (this.tools.size < MOST_TOOLS) this.tools.set(tool['name'], read.headers);
    }
  }

  headersFor(method: string, params: JsonObject | undefined): Record<string, string> {
    const headers = method === 'tools/call' && typeof params?.['name'] === 'string' ? this.tools.get(params['name']) : undefined;
    return headers === undefined ? {} : paramHeaderValues(headers, params?.['arguments']);
  }
}
