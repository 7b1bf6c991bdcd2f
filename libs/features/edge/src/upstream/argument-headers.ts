import type { ToolDefinition } from '@mcpgw/contracts';
import { paramHeaderValues, readParamHeaders, type JsonObject, type ParamHeader } from '@mcpgw/core-mcp-wire';

/** Which arguments of a modern server's tools travel as `Mcp-Param-*` headers too. Most tools have none. */
export class ArgumentHeaders {
  readonly #annotated = new Map<string, readonly ParamHeader[]>();

  constructor(tools: readonly ToolDefinition[]) {
    for (const { name, inputSchema } of tools) this.learn(name, inputSchema);
  }

  /** Takes a tool's annotations; true when they are others than those known. Invalid ones change nothing. */
  learn(name: string, inputSchema: JsonObject): boolean {
    const read = readParamHeaders(inputSchema);
    if (!read.ok) return false;
    const known = this.#annotated.get(name) ?? [];
    if (JSON.stringify(known) === JSON.stringify(read.headers)) return false;
    if (read.headers.length === 0) this.#annotated.delete(name);
    else this.#annotated.set(name, read.headers);
    return true;
  }

  of(method: string, params: JsonObject): Record<string, string> {
    const name = params['name'];
    const headers = method === 'tools/call' && typeof name === 'string' ? this.#annotated.get(name) : undefined;
    return headers === undefined ? {} : paramHeaderValues(headers, params['arguments']);
  }
}
