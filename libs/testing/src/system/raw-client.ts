/** A client without a library, as curl would be: one JSON-RPC message for each POST. */
export interface RawReply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The JSON-RPC response, from a JSON body or from the last message of an event stream. */
  readonly message: { readonly id?: unknown; readonly result?: Record<string, unknown>; readonly error?: { readonly code: number; readonly message: string; readonly data?: Record<string, unknown> } };
}

export async function post(url: string, body: unknown, headers: Readonly<Record<string, string>> = {}): Promise<RawReply> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  const text = await response.text();
  const last = text.includes('data:') ? (text.match(/^data: ?(.*)$/gm)?.at(-1)?.replace(/^data: ?/, '') ?? '{}') : text || '{}';
  return { status: response.status, headers: response.headers, text, message: JSON.parse(last) as RawReply['message'] };
}

let nextId = 1;

/** One request of the modern era (2026-07-28): the envelope in `_meta` and the headers that repeat it. */
export function modern(url: string, key: string, method: string, params: Record<string, unknown> = {}): Promise<RawReply> {
  const name = params['name'] ?? params['uri'];
  const _meta = { 'io.modelcontextprotocol/protocolVersion': '2026-07-28', 'io.modelcontextprotocol/clientCapabilities': {}, 'io.modelcontextprotocol/clientInfo': { name: 'raw', version: '1' } };
  return post(url, { jsonrpc: '2.0', id: nextId++, method, params: { ...params, _meta } }, { authorization: `Bearer ${key}`, 'mcp-protocol-version': '2026-07-28', 'mcp-method': method, ...(typeof name === 'string' ? { 'mcp-name': name } : {}) });
}
