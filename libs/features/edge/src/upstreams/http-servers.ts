import type { OrganizationName, OrganizationView, ServerConfig, ServerDefinition, ServerName, ServerView, UpstreamReply } from '@mcpgw/contracts';
import type { JsonObject } from '@mcpgw/core-mcp-wire';
import type { ResourceWatchPort, UpstreamCall, UpstreamPort } from '../ports.js';
import type { HttpUpstreams } from '../upstream/http-upstream.js';
import type { Catalog } from '../catalog/catalog.js';
import type { HttpTargets } from './http-targets.js';
import { HttpAttention } from './http-attention.js';
import { HttpTaskWatch } from './http-task-watch.js';
import { HttpWatch } from './http-watch.js';

export const HTTP_SERVERS = Symbol('HttpServers');

/** HTTP servers: calls to them, watching their resources, and finding out what they offer. */
export class HttpServers implements UpstreamPort, ResourceWatchPort {
  private readonly watches: HttpWatch;
  private readonly tasks: HttpTaskWatch;
  private readonly attention: HttpAttention;
  private stopListening = (): void => {};

  constructor(
    private readonly upstreams: HttpUpstreams,
    private readonly targets: HttpTargets,
    private readonly catalog: Catalog,
  ) {
    this.watches = new HttpWatch(upstreams);
    this.tasks = new HttpTaskWatch(upstreams);
    this.attention = new HttpAttention(upstreams);
  }

  /** From now on, connections to servers that are gone from the catalog end with their last call. */
  start(): void {
    this.stopListening = this.catalog.onChange(() => {
      this.upstreams.retain((organization, server) => this.catalog.view.organization(organization)?.server(server) !== undefined);
      this.watches.renew();
      this.tasks.renew();
      this.attention.renew();
    });
  }

  invoke(call: UpstreamCall, signal: AbortSignal): Promise<UpstreamReply> {
    return this.upstreams.invoke(call, signal);
  }

  watch(organization: OrganizationName, server: ServerName, uri: string): () => void {
    return this.watches.watch(organization, server, uri);
  }

  /** Hears of a task of a modern server, under the server's own id, until the result is called. */
  watchTask(organization: OrganizationName, server: ServerName, taskId: string, tell: (task: JsonObject) => void): () => void {
    return this.tasks.watch(organization, server, taskId, tell);
  }

  /** The servers whose changes of lists clients of this edge wait for. */
  attend(servers: Iterable<ServerView>): void {
    this.attention.attend(servers);
  }

  async discover(config: ServerConfig, secrets: OrganizationView['secrets']): Promise<ServerDefinition> {
    return this.upstreams.discover(config, this.targets.headers(config, secrets));
  }

  close(): Promise<void> {
    this.stopListening();
    this.watches.close();
    this.attention.close();
    return this.upstreams.close();
  }
}
