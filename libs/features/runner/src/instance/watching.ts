import type { UpstreamReply } from '@mcpgw/contracts';
import { isObject, type Handshake, type JsonObject } from '@mcpgw/core-mcp-wire';
import { inEnvelope } from './handshake.js';
import type { StdioClient } from './stdio-client.js';

/** Has one process tell of its changes. What it tells comes as its notifications, like any other. */
export interface Watching {
  /** The whole set of resources, which replaces the one before; given again, what failed is tried again. */
  watch(uris: ReadonlySet<string>): void;
  close(): void;
}

export function watchingOf(client: StdioClient, server: Handshake): Watching {
  const { resources } = server.capabilities;
  const canSubscribe = isObject(resources) && resources['subscribe'] === true;
  if (server.era === 'modern') return new ListenStream(client, changesOffered(server.capabilities), canSubscribe);
  return canSubscribe ? new Subscriptions(client) : { watch: () => {}, close: () => {} };
}

const SUBSCRIBE_TIMEOUT_MS = 10_000;

/** `resources/subscribe` and `unsubscribe` of the legacy era, one at a time. */
class Subscriptions implements Watching {
  private wanted: ReadonlySet<string> = new Set();
  private readonly subscribed = new Set<string>();
  private working = false;
  private again = false;

  constructor(private readonly client: StdioClient) {}

  watch(uris: ReadonlySet<string>): void {
    this.wanted = uris;
    this.again = true;
    if (!this.working) void this.work();
  }

  close(): void {
    this.wanted = new Set();
  }

  private async work(): Promise<void> {
    this.working = true;
    while (this.again) {
      this.again = false;
      const { wanted } = this;
      for (const uri of wanted) if (!this.subscribed.has(uri) && (await this.ask('resources/subscribe', uri))) this.subscribed.add(uri);
      for (const uri of this.subscribed) {
        if (this.wanted.has(uri)) continue;
        this.subscribed.delete(uri);
        await this.ask('resources/unsubscribe', uri);
      }
    }
    this.working = false;
  }

  private async ask(method: string, uri: string): Promise<boolean> {
    try {
      return 'result' in (await this.client.request(method, { uri }, { timeoutMs: SUBSCRIBE_TIMEOUT_MS }));
    } catch {
      return false; // Gone, or slow: it is tried again with the next renewal of the watch.
    }
  }
}

const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 60_000;

/** One `subscriptions/listen` of the modern era: list changes always, and the resources that are watched. */
class ListenStream implements Watching {
  private uris: readonly string[] = [];
  private endCurrent: (() => void) | undefined;
  private retry: NodeJS.Timeout | undefined;
  private delayMs = FIRST_RETRY_MS;
  private isRefused = false;
  private closed = false;

  constructor(
    private readonly client: StdioClient,
    private readonly changes: JsonObject,
    private readonly canSubscribe: boolean,
  ) {}

  watch(uris: ReadonlySet<string>): void {
    const next = this.canSubscribe ? [...uris].sort() : [];
    const isSame = next.length === this.uris.length && next.every((uri, index) => uri === this.uris[index]);
    if (this.closed || (isSame && (this.endCurrent || this.retry || this.isRefused))) return;
    this.uris = next;
    this.isRefused = false;
    this.open();
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.retry);
    this.endCurrent?.();
    this.endCurrent = undefined;
  }

  /** The new stream before the old one ends, so that nothing falls between them. */
  private open(): void {
    clearTimeout(this.retry);
    this.retry = undefined;
    const endOld = this.endCurrent;
    this.endCurrent = undefined;
    const notifications = { ...this.changes, ...(this.uris.length === 0 ? {} : { resourceSubscriptions: this.uris }) };
    if (Object.keys(notifications).length > 0) {
      const end = this.client.stream('subscriptions/listen', inEnvelope({ notifications }), (reply) => {
        if (this.endCurrent === end) this.ended(reply);
      });
      this.endCurrent = end;
    }
    endOld?.();
  }

  /** A server that refuses is left alone until something else is to be watched; one that ends the stream is asked again, ever more slowly. */
  private ended(reply: UpstreamReply | undefined): void {
    this.endCurrent = undefined;
    this.isRefused = reply !== undefined && 'error' in reply;
    if (this.isRefused || this.closed) return;
    this.retry = setTimeout(() => this.open(), this.delayMs).unref();
    this.delayMs = Math.min(this.delayMs * 2, LAST_RETRY_MS);
  }
}

function changesOffered(capabilities: JsonObject): JsonObject {
  const offered = (name: string): boolean => {
    const capability = capabilities[name];
    return isObject(capability) && capability['listChanged'] === true;
  };
  return {
    ...(offered('tools') ? { toolsListChanged: true } : {}),
    ...(offered('prompts') ? { promptsListChanged: true } : {}),
    ...(offered('resources') ? { resourcesListChanged: true } : {}),
  };
}
