import { resourceUpdated, runnerWatch, type ServerView } from '@mcpgw/contracts';
import { SseDecoder, type SseEvent } from '@mcpgw/core-mcp-wire';
import { organization, request, server, TestEdge, until, type TestKey } from '../edge.fixture.js';

/** A server whose resources can be watched. */
export function watchable(name: string): ServerView {
  const view = server('acme', name, ['read_file']);
  return { ...view, definition: { ...(view.definition as NonNullable<ServerView['definition']>), capabilities: { tools: {}, prompts: {}, logging: {}, resources: { subscribe: true } } } };
}

/** Two edges that share everything but their process, with the servers `files`, whose resources can be watched, and `crm`, whose can't. */
export class TwoEdges {
  readonly one = new TestEdge();
  readonly two = new TestEdge(this.one);
  agent!: TestKey;
  other!: TestKey;
  /** Edge -> what it watches of `files`, as a runner hears it. */
  readonly watched = new Map<string, readonly string[]>();

  async start(settings: Parameters<TestEdge['start']>[0] = {}): Promise<void> {
    this.one.registry.views.set('acme', organization('acme', { servers: [watchable('files'), server('acme', 'crm', ['get.customer'])] }));
    this.agent = this.one.addKey('acme', 'agent');
    this.other = this.one.addKey('acme', 'other');
    this.one.bus.subscribe(runnerWatch, ({ edge, uris }) => void this.watched.set(edge, uris));
    for (const edge of [this.one, this.two]) {
      await edge.start(settings);
      await until(async () => (await edge.post(this.other.key, request('ping'))).status === 200);
    }
  }

  async close(): Promise<void> {
    await this.two.close();
    await this.one.close();
  }

  get watchedUris(): readonly string[] {
    return [...new Set([...this.watched.values()].flat())];
  }

  /** The server says that one of its resources has changed. */
  updated(uri: string): void {
    this.one.bus.publish(resourceUpdated, { organization: 'acme' as never, server: 'files' as never, uri });
  }

  async initialize(edge = this.one, key = this.agent.key, protocolVersion = '2025-11-25', where = '/mcp'): Promise<string> {
    const { headers } = await edge.post(key, request('initialize', { protocolVersion, capabilities: {}, clientInfo: { name: 'c', version: '1' } }), {}, where);
    return headers.get('mcp-session-id') ?? '';
  }
}

/** Reads an event stream as it comes. */
export class StreamReader {
  readonly events: SseEvent[] = [];
  text = '';
  ended = false;
  private readonly stop = new AbortController();

  private constructor(readonly response: Response) {}

  static async open(url: string, init: RequestInit): Promise<StreamReader> {
    const stop = new AbortController();
    const reader = new StreamReader(await fetch(url, { ...init, signal: stop.signal }));
    reader.stop.signal.addEventListener('abort', () => stop.abort());
    void reader.read();
    return reader;
  }

  static get(edge: TestEdge, key: string, session: string, headers: Record<string, string> = {}): Promise<StreamReader> {
    return StreamReader.open(`${edge.url}/mcp`, { headers: { accept: 'text/event-stream', authorization: `Bearer ${key}`, 'mcp-session-id': session, ...headers } });
  }

  get messages(): Record<string, unknown>[] {
    return this.events.filter(({ event, data }) => event === 'message' && data !== '').map(({ data }) => JSON.parse(data) as Record<string, unknown>);
  }

  get lastEventId(): string {
    return this.events.findLast(({ id }) => id !== undefined)?.id ?? '';
  }

  async until(condition: (messages: readonly Record<string, unknown>[]) => boolean, what: string): Promise<void> {
    await until(() => condition(this.messages), what);
  }

  /** Waits for the event that tells from where to go on. */
  async primed(): Promise<this> {
    await until(() => this.lastEventId !== '', 'the first event id');
    return this;
  }

  /** The connection breaks. */
  drop(): void {
    this.stop.abort();
  }

  private async read(): Promise<void> {
    const decoder = new SseDecoder({ maxEventBytes: 1_048_576 });
    try {
      for await (const chunk of this.response.body ?? []) {
        this.text += Buffer.from(chunk as Uint8Array).toString();
        this.events.push(...decoder.push(chunk as Uint8Array));
      }
    } catch {
      // Dropped.
    }
    this.ended = true;
  }
}
