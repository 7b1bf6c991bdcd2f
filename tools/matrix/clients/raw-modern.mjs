// Modern requests without a library, over HTTP or through `mcpgw stdio`.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

const META = 'io.modelcontextprotocol/';

/** The request with the envelope that every modern one carries. */
function enveloped(id, method, params, capabilities) {
  const _meta = { [`${META}protocolVersion`]: '2026-07-28', [`${META}clientCapabilities`]: capabilities, [`${META}clientInfo`]: { name: 'matrix-raw', version: '1.0.0' } };
  return { jsonrpc: '2.0', id, method, params: { ...params, _meta: { ...params._meta, ..._meta } } };
}

export function openRaw(kind, place) {
  return kind === 'stdio' ? new RawStdio(place) : new RawHttp(place);
}

class RawHttp {
  next = 1;

  constructor({ url, key }) {
    this.url = url;
    this.key = key;
  }

  async request(method, params, capabilities, signal) {
    const name = params.name ?? params.uri ?? params.taskId;
    const response = await fetch(this.url, {
      method: 'POST',
      signal,
      headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', authorization: `Bearer ${this.key}`, 'mcp-protocol-version': '2026-07-28', 'mcp-method': method, ...(name === undefined ? {} : { 'mcp-name': name }) },
      body: JSON.stringify(enveloped(this.next++, method, params, capabilities)),
    });
    const text = await response.text();
    return JSON.parse(text.includes('data:') ? text.match(/^data: ?(.*)$/gm).at(-1).replace(/^data: ?/, '') : text);
  }

  async close() {}
}

class RawStdio {
  next = 1;
  waiting = new Map();

  constructor({ stdio }) {
    this.child = spawn(stdio.command, stdio.args, { env: stdio.env, stdio: ['pipe', 'pipe', 'ignore'] });
    this.ended = new Promise((resolve) => this.child.once('exit', resolve));
    this.child.stdin.on('error', () => {});
    createInterface({ input: this.child.stdout }).on('line', (line) => {
      const message = JSON.parse(line);
      if (message.method === undefined) this.waiting.get(message.id)?.(message);
    });
  }

  request(method, params, capabilities, signal) {
    const id = this.next++;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, resolve);
      signal?.addEventListener('abort', () => reject(new Error(`${method} was not answered`)));
      this.child.stdin.write(`${JSON.stringify(enveloped(id, method, params, capabilities))}\n`);
    });
  }

  async close() {
    this.child.stdin.end();
    const timer = setTimeout(() => this.child.kill('SIGKILL'), 15_000);
    await this.ended;
    clearTimeout(timer);
  }
}
