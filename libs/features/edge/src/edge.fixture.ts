import { createHmac, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import {
  callEvent,
  consumerConfig,
  GatewayError,
  organizationConfig,
  registrySnapshot,
  runnerCancel,
  runnerInvoke,
  serverConfig,
  serverDefinition,
  type Decision,
  type DecisionRequest,
  type EntryId,
  type KeyId,
  type OrganizationName,
  type OrganizationView,
  type PolicyAction,
  type ServerView,
  type UpstreamReply,
} from '@mcpgw/contracts';
import { MemoryBus } from '@mcpgw/platform-bus';
import { Health, KeyFiles, silentLogger, startService, systemClock, uuid7, type RunningService } from '@mcpgw/platform-runtime';
import { edgeConfig, type EdgeConfig } from './edge.config.js';
import { EdgeModule } from './edge.module.js';
import { LocalPolicy } from './policy/local-policy.js';
import type { EntryDraft, EntryWriter, PolicyPort } from './ports.js';
import { Spool } from './spool/spool.js';
import { PARTS, type Part, type PolicyChanges } from './tokens.js';
import { RunnerUpstream } from './upstreams/runner-upstream.js';

export type WrittenEntry = EntryDraft & { readonly entryId: EntryId; readonly until: string };

/** Keeps entries in memory; can be made to refuse. */
export class FakeEntries implements EntryWriter {
  readonly written: WrittenEntry[] = [];
  full = false;
  failing: 'fsynced' | 'committed' | undefined;

  async append(draft: EntryDraft, until: 'queued' | 'fsynced' | 'committed'): Promise<EntryId> {
    if (until === this.failing) throw new GatewayError('spool_unavailable', 'The spool is broken on purpose.');
    const entryId = uuid7(Date.now()) as EntryId;
    this.written.push({ ...structuredClone(draft), entryId, until });
    return entryId;
  }

  accepting(): boolean {
    return !this.full;
  }

  of(method: string): readonly WrittenEntry[] {
    return this.written.filter((entry) => entry.method === method);
  }
}

/** Permits what `allowed` says; a call whose arguments hold `forbidden` is denied with a reason. */
export class FakePolicy implements PolicyPort, PolicyChanges {
  revision = 1;
  allowed: (roles: readonly string[], action: PolicyAction, server: string, target: string) => boolean = (roles) => roles.length > 0;
  private readonly listeners = new Set<() => void>();

  decide({ roles, action, server, target, arguments: given }: DecisionRequest): Decision {
    const bundleDigest = this.digest();
    if (!this.allowed(roles, action, server, target)) return { effect: 'deny', ruleIds: [], bundleDigest };
    if ('forbidden' in given) return { effect: 'deny', ruleIds: ['agent#2'], bundleDigest, agentReason: 'Leave out "forbidden".', operatorReason: 'rule agent#2' };
    return { effect: 'permit', ruleIds: ['agent#1'], bundleDigest };
  }

  mayEver(_organization: OrganizationName, roles: readonly string[], action: PolicyAction, server: string, target: string): boolean {
    return this.allowed(roles, action, server, target);
  }

  digest(): string {
    return `digest-${this.revision}`;
  }

  onChange(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  change(allowed: FakePolicy['allowed']): void {
    this.allowed = allowed;
    this.revision++;
    for (const listener of this.listeners) listener();
  }
}

/** Answers `registrySnapshot` as the registry does: whole organizations at another revision than the caller's. */
export class FakeRegistry {
  readonly views = new Map<string, OrganizationView>();
  pulls = 0;

  constructor(private readonly bus: MemoryBus) {}

  serve(): () => Promise<void> {
    const subscription = this.bus.handle(registrySnapshot, async ({ known }) => {
      this.pulls++;
      const changed = [...this.views.values()].filter((view) => known[view.organization.name] !== view.revision);
      return { changed, removed: Object.keys(known).filter((name) => !this.views.has(name)) as OrganizationName[], more: false };
    });
    return () => subscription.close();
  }

  change(name: string, change: (view: OrganizationView) => OrganizationView): void {
    const view = this.views.get(name) as OrganizationView;
    this.views.set(name, { ...change(view), revision: view.revision + 1 });
  }
}

export interface RunnerCall {
  readonly server: string;
  readonly method: string;
  readonly params: Record<string, unknown>;
  readonly callId: string;
  event(method: string, params: Record<string, unknown>): void;
}

/** A runner whose servers do what `answer` says. */
export class FakeRunner {
  readonly calls: RunnerCall[] = [];
  readonly cancelled: string[] = [];
  answer: (call: RunnerCall) => Promise<UpstreamReply> | UpstreamReply = echo;

  constructor(bus: MemoryBus) {
    bus.handle(runnerInvoke, async (request) => {
      const call: RunnerCall = {
        ...request,
        event: (method, params) => {
          if (request.eventsTo !== undefined) bus.publish(callEvent, { callId: request.callId, method, params }, { to: request.eventsTo });
        },
      };
      this.calls.push(call);
      return this.answer(call);
    });
    bus.subscribe(runnerCancel, ({ callId }) => void this.cancelled.push(callId));
  }
}

export function echo({ method, params, server }: RunnerCall): UpstreamReply {
  switch (method) {
    case 'tools/call':
      return { result: { content: [{ type: 'text', text: JSON.stringify({ server, name: params['name'], arguments: params['arguments'] }) }] } };
    case 'resources/read':
      return { result: { contents: [{ uri: params['uri'], text: `content of ${String(params['uri'])}` }] } };
    case 'prompts/get':
      return { result: { messages: [{ role: 'user', content: { type: 'text', text: String(params['name']) } }] } };
    default:
      return { result: { completion: { values: ['one', 'two'] } } };
  }
}

export interface TestKey {
  readonly id: KeyId;
  readonly key: string;
}

/** An edge on a memory bus with everything around it faked, listening on a free port. A second one `beside` it shares all but its own process. */
export class TestEdge {
  readonly bus: MemoryBus;
  readonly entries: FakeEntries;
  readonly policy: FakePolicy;
  readonly registry: FakeRegistry;
  readonly runner: FakeRunner;
  readonly directory = mkdtempSync(path.join(tmpdir(), 'edge-spec-'));
  readonly keyFiles: KeyFiles;
  private service: RunningService | undefined;
  stopRegistry: () => Promise<void>;

  constructor(beside?: TestEdge) {
    this.bus = beside?.bus ?? new MemoryBus();
    this.entries = beside?.entries ?? new FakeEntries();
    this.policy = beside?.policy ?? new FakePolicy();
    this.registry = beside?.registry ?? new FakeRegistry(this.bus);
    this.runner = beside?.runner ?? new FakeRunner(this.bus);
    this.keyFiles = beside?.keyFiles ?? new KeyFiles(path.join(this.directory, 'keys'));
    this.stopRegistry = beside?.stopRegistry ?? this.registry.serve();
  }

  get url(): string {
    return this.service?.url ?? '';
  }

  get health(): Health {
    return this.service?.health as Health;
  }

  async start(settings: Partial<EdgeConfig> = {}): Promise<this> {
    const config = edgeConfig.parse({ dataDir: this.directory, snapshotPollMs: 50, ...settings });
    const module = EdgeModule.forRoot(config);
    const fakes = [
      { provide: Spool, useValue: this.entries },
      { provide: LocalPolicy, useValue: this.policy },
      { provide: PARTS, inject: [RunnerUpstream], useFactory: (runner: Part) => [runner] },
    ];
    const health = new Health('edge', `edge-${randomBytes(4).toString('hex')}`, new Date());
    const context = { bus: this.bus, logger: silentLogger, health, clock: systemClock, keyFiles: this.keyFiles };
    this.service = await startService(context, { ...module, providers: [...(module.providers ?? []), ...fakes] }, { host: '127.0.0.1', port: 0, bodyLimit: config.maxBodyBytes });
    await until(() => this.registry.pulls > 0);
    return this;
  }

  async stop(): Promise<void> {
    await this.service?.close();
    this.service = undefined;
  }

  async close(): Promise<void> {
    await this.stop();
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** A new key of a consumer, in the registry's next snapshot. */
  addKey(organization: string, consumer: string, expiresAt: string | null = null): TestKey {
    const id = randomBytes(6).toString('hex');
    const key = `mcpgw_${id}_${randomBytes(32).toString('base64url')}`;
    const hash = createHmac('sha256', this.keyFiles.symmetric('api-key-pepper')).update(key).digest('base64url');
    const keyId = `key_${id}` as KeyId;
    this.registry.change(organization, (view) => ({ ...view, keys: [...view.keys, { id: keyId, consumer: consumer as never, hash, createdAt: new Date().toISOString(), expiresAt }] }));
    return { id: keyId, key };
  }

  /** One JSON-RPC request of a legacy client without a session, unless `headers` say otherwise. */
  async post(key: string | undefined, body: unknown, headers: Record<string, string> = {}, where = '/mcp'): Promise<{ status: number; headers: Headers; body: JsonRpcAnswer; text: string }> {
    const response = await fetch(this.url + where, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...(key === undefined ? {} : { authorization: `Bearer ${key}` }), ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: (response.headers.get('content-type')?.startsWith('application/json') ? JSON.parse(text) : undefined) as JsonRpcAnswer, text };
  }
}

export interface JsonRpcAnswer {
  readonly id: unknown;
  readonly result: Record<string, never> & { readonly [name: string]: never };
  readonly error: { readonly code: number; readonly message: string; readonly data?: Record<string, unknown> };
}

export function request(method: string, params: object = {}, id: unknown = 1): object {
  return { jsonrpc: '2.0', id, method, params };
}

/** An organization with the servers `files` and `crm` and a consumer `agent` in the role `agent`. */
export function organization(name = 'acme', change: Partial<OrganizationView> = {}): OrganizationView {
  return {
    organization: organizationConfig.parse({ name }),
    revision: 1,
    servers: [server(name, 'files', ['read_file', 'write_file']), server(name, 'crm', ['get.customer'])],
    routes: [
      { organization: name as OrganizationName, name: 'plain' as never, servers: ['files' as never] },
      { organization: name as OrganizationName, name: 'both' as never, servers: ['files' as never, 'crm' as never] },
    ],
    roles: [{ organization: name as OrganizationName, name: 'agent' as never, rules: [] }],
    consumers: [consumerConfig.parse({ organization: name, name: 'agent', roles: ['agent'], attributes: { customer_id: 'c-1' } }), consumerConfig.parse({ organization: name, name: 'other', roles: ['agent'] })],
    limits: [],
    keys: [],
    secrets: [],
    ...change,
  };
}

export function server(organizationName: string, name: string, tools: readonly string[], era: 'legacy' | 'modern' = 'legacy'): ServerView {
  return {
    config: serverConfig.parse({ organization: organizationName, name, stdio: { command: 'node' }, callTimeoutSeconds: 5 }),
    revision: 1,
    health: { state: 'ready', since: new Date().toISOString() },
    definition: serverDefinition.parse({
      era,
      protocolVersion: era === 'legacy' ? '2025-11-25' : '2026-07-28',
      serverInfo: { name, version: '1' },
      capabilities: { tools: {}, prompts: {}, resources: {}, completions: {} },
      instructions: `How to use ${name}.`,
      tools: tools.map((tool) => ({ name: tool, description: `${tool} of ${name}`, inputSchema: { type: 'object', properties: { path: { type: 'string' } } }, _meta: { kept: true } })),
      resources: [{ uri: `note://${name}/1`, name: 'note' }],
      resourceTemplates: [{ uriTemplate: `note://${name}/{id}`, name: 'notes' }],
      prompts: [{ name: 'greet', arguments: [{ name: 'who' }] }],
      dropped: [],
    }),
  };
}

/** Waits for a condition, a few seconds at most. */
export async function until(condition: () => boolean | Promise<boolean>, what = 'the condition'): Promise<void> {
  const deadline = Date.now() + 5_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`Waited in vain for ${what}.`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
