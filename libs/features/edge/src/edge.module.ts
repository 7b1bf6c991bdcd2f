import path from 'node:path';
import { Module, type DynamicModule, type Provider } from '@nestjs/common';
import type { Bus } from '@mcpgw/platform-bus';
import { BUS, CLOCK, HEALTH, KEY_FILES, LOGGER, SecretBox, type Clock, type Health, type KeyFiles, type Logger } from '@mcpgw/platform-runtime';
import { Authenticator } from './authn/authenticator.js';
import { Bridge } from './bridge/bridge.js';
import { Crossing } from './bridge/crossing.js';
import { FlowRoutes } from './bridge/flow-routes.js';
import { Flows } from './bridge/flows.js';
import { LegacyClients } from './bridge/legacy-clients.js';
import { ModernResults } from './bridge/modern-results.js';
import { Pushes } from './bridge/pushes.js';
import { RequestStates } from './bridge/request-states.js';
import { ServerTaskNews } from './bridge/server-task-news.js';
import { TaskCalls } from './bridge/task-calls.js';
import { TaskIds } from './bridge/task-ids.js';
import { TaskWaits } from './bridge/task-waits.js';
import { CallTool } from './call-tool/call-tool.js';
import { Door } from './call-tool/door.js';
import { Ending } from './call-tool/ending.js';
import { Invoker } from './call-tool/invoker.js';
import { CallTelemetry } from './call-tool/call-telemetry.js';
import { Journal } from './call-tool/journal.js';
import { Judge } from './call-tool/judge.js';
import { OtherRequests } from './call-tool/other-requests.js';
import { RunningCalls } from './call-tool/running-calls.js';
import { Catalog, CATALOG_OPTIONS } from './catalog/catalog.js';
import { EDGE_CONFIG, type EdgeConfig } from './edge.config.js';
import { EdgePort } from './http/edge-port.js';
import { McpRoutes } from './http/mcp-routes.js';
import { Changes, Lifecycle } from './lifecycle.js';
import { VisibleLists } from './lists/visible-lists.js';
import { LocalPolicy } from './policy/local-policy.js';
import { RemotePolicy } from './policy/remote-policy.js';
import type { PolicyPort } from './ports.js';
import { Cancellations } from './requests/cancellations.js';
import { Cursors } from './requests/cursors.js';
import { Handshakes } from './requests/handshakes.js';
import { ListRequests } from './requests/list-requests.js';
import { PlainRequests } from './requests/plain-requests.js';
import { SERVER_INFO } from './requests/server-info.js';
import { ChangeStreams } from './session/change-streams.js';
import { Listens } from './session/listens.js';
import { NewsStreams } from './session/news-streams.js';
import { ResourceSubscriptions } from './session/resource-subscriptions.js';
import { SessionNews } from './session/session-news.js';
import { SessionRequests } from './session/session-requests.js';
import { Sessions } from './session/sessions.js';
import { SseClients } from './session/sse-clients.js';
import { StreamStore } from './session/stream-store.js';
import { TakenStreams } from './session/taken-streams.js';
import { WatchedResources } from './session/watched-resources.js';
import { Spool } from './spool/spool.js';
import { EdgeController } from './status/edge.controller.js';
import { ToolSearch } from './tool-search/tool-search.js';
import { ENTRIES, PARTS, POLICY, POLICY_CHANGES, RESOURCE_WATCH, TASK_NEWS, UPSTREAMS, type Part } from './tokens.js';
import { HttpUpstreams } from './upstream/http-upstream.js';
import { ChangedServers } from './upstreams/changed-servers.js';
import { HTTP_SERVERS, HttpServers } from './upstreams/http-servers.js';
import { HttpTargets } from './upstreams/http-targets.js';
import { ResourceNews } from './upstreams/http-watch.js';
import { ResourceWatches } from './upstreams/resource-watches.js';
import { RunnerUpstream } from './upstreams/runner-upstream.js';
import { RunnerWatch } from './upstreams/runner-watch.js';
import { Upstreams } from './upstreams/upstreams.js';

/** The policy enforcement point: the MCP endpoint and everything a call passes on its way. */
@Module({})
export class EdgeModule {
  static forRoot(config: EdgeConfig): DynamicModule {
    return {
      module: EdgeModule,
      controllers: [EdgeController],
      providers: [{ provide: EDGE_CONFIG, useValue: config }, ...known(config), ...adapters(config), ...pipeline(config)],
    };
  }
}

/** What the edge knows: the registry's snapshot and who is who in it. */
function known(config: EdgeConfig): Provider[] {
  return [{ provide: CATALOG_OPTIONS, useValue: { file: path.join(config.dataDir, 'edge', 'snapshot.json'), pollMs: config.snapshotPollMs } }, Catalog, Authenticator, Sessions];
}

/** The world around: spool, policy, upstream servers. */
function adapters(config: EdgeConfig): Provider[] {
  return [
    {
      provide: Spool,
      inject: [BUS, HEALTH, LOGGER, CLOCK],
      useFactory: (bus: Bus, health: Health, logger: Logger, clock: Clock) => new Spool({ directory: path.join(config.dataDir, 'edge', 'spool'), maxBytes: config.spoolMaxBytes, bus, health, logger, clock }),
    },
    { provide: ENTRIES, useExisting: Spool },
    {
      provide: LocalPolicy,
      inject: [BUS, LOGGER, HEALTH, CLOCK, KEY_FILES],
      useFactory: (bus: Bus, logger: Logger, health: Health, clock: Clock, keyFiles: KeyFiles) => new LocalPolicy({ bus, logger, health, clock, keyFiles }, config.dataDir),
    },
    { provide: POLICY, inject: [LocalPolicy, BUS], useFactory: (local: LocalPolicy, bus: Bus): PolicyPort => (config.policyMode === 'remote' ? new RemotePolicy(bus, local) : local) },
    { provide: POLICY_CHANGES, useExisting: LocalPolicy },
    { provide: RunnerUpstream, inject: [BUS, HEALTH], useFactory: (bus: Bus, { instance }: Health) => new RunnerUpstream(bus, instance) },
    { provide: RunnerWatch, inject: [BUS, HEALTH], useFactory: (bus: Bus, { instance }: Health) => new RunnerWatch(bus, instance) },
    { provide: ChangedServers, inject: [BUS], useFactory: (bus: Bus) => new ChangedServers(bus) },
    { provide: HTTP_SERVERS, inject: [Catalog, KEY_FILES, LOGGER, ChangedServers, BUS], useFactory: httpServers },
    { provide: UPSTREAMS, inject: [Catalog, HTTP_SERVERS, RunnerUpstream], useFactory: (catalog: Catalog, http: HttpServers, stdio: RunnerUpstream) => new Upstreams(catalog, http, stdio) },
    { provide: PARTS, inject: [Spool, LocalPolicy, ChangedServers, HTTP_SERVERS, RunnerUpstream, RunnerWatch], useFactory: (...parts: Part[]) => parts },
  ];
}

function httpServers(catalog: Catalog, keyFiles: KeyFiles, logger: Logger, changed: ChangedServers, bus: Bus): HttpServers {
  const news = new ResourceNews(bus);
  const targets = new HttpTargets(catalog, new SecretBox(keyFiles.symmetric('secrets')));
  const upstreams = new HttpUpstreams({
    resolve: (organization, server) => targets.resolve(organization, server),
    clientInfo: SERVER_INFO,
    logger,
    onListChanged: (organization, server) => changed.add(organization, server),
    onResourceUpdated: (organization, server, uri) => news.updated(organization, server, uri),
  });
  return new HttpServers(upstreams, targets, catalog);
}

/** Calls between eras. */
const BRIDGE: Provider[] = [RequestStates, TaskIds, Ending, Pushes, Flows, FlowRoutes, LegacyClients, TaskWaits, ModernResults, Crossing, Bridge, TaskCalls];

/** What stays open: sessions, streams and subscriptions. */
const standing: Provider[] = [
  { provide: RESOURCE_WATCH, inject: [Catalog, HTTP_SERVERS, RunnerWatch], useFactory: (catalog: Catalog, http: HttpServers, stdio: RunnerWatch) => new ResourceWatches(catalog, http, stdio) },
  { provide: TASK_NEWS, useClass: ServerTaskNews },
  Cancellations,
  WatchedResources,
  StreamStore,
  TakenStreams,
  SessionNews,
  NewsStreams,
  SseClients,
  Listens,
  ResourceSubscriptions,
  Handshakes,
  ListRequests,
];

/** The way of a call, and the port that it comes in by. */
function pipeline(config: EdgeConfig): Provider[] {
  const limits = { max: config.maxStreams, maxPerPrincipal: config.maxStreamsPerPrincipal };
  return [
    { provide: RunningCalls, useFactory: () => new RunningCalls(config.maxConcurrentCalls) },
    { provide: VisibleLists, inject: [POLICY], useFactory: (policy: PolicyPort) => new VisibleLists(policy) },
    { provide: ChangeStreams, inject: [VisibleLists, HTTP_SERVERS], useFactory: (lists: VisibleLists, http: HttpServers) => new ChangeStreams(lists, limits, (servers) => http.attend(servers)) },
    Door,
    Judge,
    Invoker,
    CallTelemetry,
    Journal,
    Cursors,
    ToolSearch,
    ...standing,
    PlainRequests,
    OtherRequests,
    CallTool,
    ...BRIDGE,
    SessionRequests,
    McpRoutes,
    EdgePort,
    Changes,
    Lifecycle,
  ];
}
