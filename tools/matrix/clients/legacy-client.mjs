// A client of one revision up to 2025-11-25, on SDK v1.
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import * as types from '@modelcontextprotocol/sdk/types.js';
import { answerAsk, Heard } from './heard.mjs';

export class LegacyClient {
  heard = new Heard();
  modern = false;

  /** A silent one declares nothing, so that nobody may ask it anything. */
  constructor({ version, transport }, place, { silent = false } = {}) {
    this.version = version;
    this.transport = pinned(openTransport(transport, place), version);
    this.client = new Client({ name: `matrix-client-${version}`, version: '1.0.0' }, { capabilities: silent ? {} : capabilitiesOf(version) });
    const answer = (request) => answerAsk(this.heard, request.method, request.params);
    if (silent) this.client.fallbackRequestHandler = async (request) => answer(request);
    else {
      this.client.setRequestHandler(types.ListRootsRequestSchema, answer);
      this.client.setRequestHandler(types.CreateMessageRequestSchema, answer);
      if (version >= '2025-06-18') this.client.setRequestHandler(types.ElicitRequestSchema, answer);
    }
    this.client.fallbackNotificationHandler = async ({ method, params }) => this.heard.note(method, params);
  }

  async connect(signal) {
    await this.client.connect(this.transport, { signal });
    if (this.transport.negotiated !== this.version) throw new Error(`asked for ${this.version}, got ${this.transport.negotiated}`);
  }

  close() {
    return this.client.close();
  }

  request(method, params, options) {
    return this.client.request({ method, params }, types.ResultSchema, options);
  }

  callTool(name, args, { meta, ...options } = {}) {
    return this.client.callTool({ name, arguments: args, ...(meta ? { _meta: meta } : {}) }, undefined, options);
  }

  listPage(method, cursor) {
    return this.request(method, cursor === undefined ? {} : { cursor });
  }

  readResource(uri) {
    return this.client.readResource({ uri });
  }

  getPrompt(name, args) {
    return this.client.getPrompt({ name, arguments: args });
  }

  /** Calls the tool so that messages of this level and above are told. */
  async callLogging(level, name, args) {
    await this.client.setLoggingLevel(level);
    return this.callTool(name, args);
  }

  async watch(uri) {
    await this.client.subscribeResource({ uri });
    return () => this.client.unsubscribeResource({ uri });
  }

  /** Told without asking in this era. */
  async followLists() {
    return async () => {};
  }
}

function capabilitiesOf(version) {
  return {
    sampling: {},
    roots: { listChanged: true },
    ...(version >= '2025-11-25' ? { elicitation: { form: {}, url: {} } } : version >= '2025-06-18' ? { elicitation: {} } : {}),
  };
}

function openTransport(kind, { url, key, stdio }) {
  const requestInit = { headers: { authorization: `Bearer ${key}` } };
  if (kind === 'stdio') return new StdioClientTransport({ ...stdio, stderr: 'ignore' });
  if (kind === 'sse') return new SSEClientTransport(new URL(url), { requestInit });
  return new StreamableHTTPClientTransport(new URL(url), { requestInit });
}

/** The SDK always asks for the newest revision that it knows; this transport asks for the client's. */
function pinned(transport, version) {
  const send = transport.send.bind(transport);
  transport.send = (message, options) => send(message.method === 'initialize' ? { ...message, params: { ...message.params, protocolVersion: version } } : message, options);
  // Not every transport is told the revision by the SDK: the answer to the handshake is read as it passes.
  let handler;
  Object.defineProperty(transport, 'onmessage', {
    get: () => handler,
    set: (next) => {
      handler = (message, extra) => {
        if (message.result?.protocolVersion !== undefined) transport.negotiated = message.result.protocolVersion;
        next(message, extra);
      };
    },
  });
  return transport;
}
