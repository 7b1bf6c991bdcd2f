// A client of 2026-07-28, on SDK v2 and pinned to it: it never falls back.
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { answerAsk, Heard } from './heard.mjs';
import { openRaw } from './raw-modern.mjs';

const VERSION = '2026-07-28';
const LOG_LEVEL = 'io.modelcontextprotocol/logLevel';
const TOLD = ['message', 'tools/list_changed', 'prompts/list_changed', 'resources/list_changed', 'resources/updated'].map((name) => `notifications/${name}`);

export class ModernClient {
  heard = new Heard();
  modern = true;
  version = VERSION;

  /** A silent one declares nothing, so that nobody may ask it anything. */
  constructor({ transport }, place, { silent = false } = {}) {
    this.place = place;
    this.kind = transport;
    const { url, key, stdio } = place;
    this.transport = transport === 'stdio' ? new StdioClientTransport({ ...stdio, stderr: 'ignore' }) : new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers: { authorization: `Bearer ${key}` } } });
    this.client = new Client({ name: `matrix-client-${VERSION}`, version: '1.0.0' }, { capabilities: silent ? {} : { sampling: {}, roots: {}, elicitation: { form: {}, url: {} } }, versionNegotiation: { mode: { pin: VERSION } } });
    for (const method of silent ? [] : ['roots/list', 'sampling/createMessage', 'elicitation/create']) this.client.setRequestHandler(method, (request) => answerAsk(this.heard, method, request.params));
    for (const method of TOLD) this.client.setNotificationHandler(method, ({ params }) => this.heard.note(method, params));
  }

  connect(signal) {
    return this.client.connect(this.transport, { signal });
  }

  async close() {
    await this.client.close();
    await this.rawLink?.close();
  }

  request(method, params, options) {
    return this.client.request({ method, params }, options);
  }

  callTool(name, args, { meta, ...options } = {}) {
    return this.client.callTool({ name, arguments: args, ...(meta ? { _meta: meta } : {}) }, options);
  }

  listPage(method, cursor) {
    return this.request(method, cursor === undefined ? {} : { cursor });
  }

  readResource(uri) {
    return this.client.readResource({ uri }, { cacheMode: 'bypass' });
  }

  getPrompt(name, args) {
    return this.client.getPrompt({ name, arguments: args });
  }

  /** In this era the level goes with the request. */
  callLogging(level, name, args) {
    return this.callTool(name, args, { meta: { [LOG_LEVEL]: level } });
  }

  async watch(uri) {
    const subscription = await this.client.listen({ resourceSubscriptions: [uri] });
    return () => subscription.close();
  }

  async followLists() {
    const subscription = await this.client.listen({ toolsListChanged: true, promptsListChanged: true, resourcesListChanged: true });
    return () => subscription.close();
  }

  /** A link of messages, for what the SDK's client does not know. */
  raw() {
    return (this.rawLink ??= openRaw(this.kind, this.place));
  }
}
