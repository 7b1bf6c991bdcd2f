import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import {
  callAsk, callAskWithdrawn, callEvent, GatewayError, registryServer, resourceUpdated, runnerInvoke, runnerWatch, serverConfig, upstreamChanged,
  type AskMethod, type CallId, type OrganizationName, type SealedSecret, type SecretName, type ServerConfig, type ServerName, type UpstreamClient, type UpstreamReply,
} from '@mcpgw/contracts'; // prettier-ignore
import { MemoryBus } from '@mcpgw/platform-bus';
import { createContext, SecretBox, silentLogger, startService, uuid7, type RunningService } from '@mcpgw/platform-runtime';
import { runnerConfig, type RunnerConfig } from '../runner.config.js';
import { RunnerModule } from '../runner.module.js';

export const ORGANIZATION = 'acme' as OrganizationName;
export const FIXTURES = path.join(import.meta.dirname, '../../src/spec/fixtures');
export const WORKSPACE = path.resolve(import.meta.dirname, '../../../../..');

interface Registered {
  config: ServerConfig;
  revision: number;
  secrets: { name: SecretName; version: number; sealed: SealedSecret }[];
}

export interface CallOptions {
  readonly timeoutMs?: number;
  readonly callId?: CallId;
  readonly eventsTo?: string;
  readonly meta?: Record<string, unknown>;
  readonly client?: UpstreamClient;
}

export interface Asked {
  readonly callId: CallId;
  readonly method: AskMethod;
  readonly params: Record<string, unknown>;
}

/** A runner with a registry of the spec's own, on a real sandbox. Specs call it as the edge does, over the bus. */
export class RunnerHarness {
  readonly bus = new MemoryBus();
  readonly folder = mkdtempSync(path.join(tmpdir(), 'mcpgw-runner-'));
  readonly dataDir = path.join(this.folder, 'data');
  readonly registry = new Map<string, Registered>();
  readonly changed: string[] = [];
  readonly events: { callId: CallId; method: string; params: Record<string, unknown> }[] = [];
  readonly asked: Asked[] = [];
  readonly withdrawn: CallId[] = [];
  readonly updated: string[] = [];
  /** What clients of edge-1 answer. */
  onAsk: (ask: Asked) => Promise<UpstreamReply> | UpstreamReply = ({ method }) => ({ result: { answered: method } });
  box!: SecretBox;
  service!: RunningService;

  static async start(overrides: Partial<RunnerConfig> = {}): Promise<RunnerHarness> {
    const harness = new RunnerHarness();
    mkdirSync(harness.dataDir, { mode: 0o700 });
    harness.bus.handle(registryServer, async ({ server }) => {
      const found = harness.registry.get(server);
      if (!found) throw new GatewayError('not_found', `There is no server "${server}".`);
      return found;
    });
    harness.bus.subscribe(upstreamChanged, ({ server }) => void harness.changed.push(server));
    harness.bus.subscribe(callEvent, (event) => void harness.events.push(event), { as: 'edge-1' });
    harness.bus.subscribe(resourceUpdated, ({ uri }) => void harness.updated.push(uri));
    harness.bus.subscribe(callAskWithdrawn, ({ callId }) => void harness.withdrawn.push(callId), { as: 'edge-1' });
    harness.bus.handle(callAsk, async (ask) => (harness.asked.push(ask), harness.onAsk(ask)), { as: 'edge-1' });
    const context = createContext('runner', harness.bus, silentLogger, { dataDir: harness.dataDir });
    const settings = runnerConfig.parse({ runnerAllowedMounts: [WORKSPACE, harness.folder] });
    harness.box = new SecretBox(context.keyFiles.symmetric('secrets'));
    harness.service = await startService(context, RunnerModule.forRoot({ ...settings, dataDir: harness.dataDir, ...overrides }));
    return harness;
  }

  /** Registers a fixture, or replaces it at the next revision. */
  fixture(name: string, file: string, stdio: Partial<NonNullable<ServerConfig['stdio']>> & { args?: string[] } = {}, sandbox: object = {}, sessions?: ServerConfig['sessions']): void {
    this.define(name, { command: 'node', ...stdio, args: [path.join(FIXTURES, file), ...(stdio.args ?? [])], sandbox: { read: [FIXTURES], ...sandbox } }, sessions);
  }

  define(name: string, stdio: object, sessions?: ServerConfig['sessions']): void {
    const config = serverConfig.parse({ organization: ORGANIZATION, name, stdio, ...(sessions ? { sessions } : {}) });
    const before = this.registry.get(name);
    this.registry.set(name, { config, revision: (before?.revision ?? 0) + 1, secrets: before?.secrets ?? [] });
  }

  secret(server: string, name: string, value: string): void {
    const registered = this.registry.get(server) as Registered;
    const version = (registered.secrets.find((secret) => secret.name === name)?.version ?? 0) + 1;
    registered.secrets = [...registered.secrets.filter((secret) => secret.name !== name), { name: name as SecretName, version, sealed: this.box.seal(ORGANIZATION, name, value) }];
  }

  invoke(server: string, method: string, params: Record<string, unknown> = {}, options: CallOptions = {}): Promise<UpstreamReply> {
    const { timeoutMs = 20_000, callId = uuid7(Date.now()) as CallId, eventsTo, client } = options;
    const revision = this.registry.get(server)?.revision ?? 1;
    return this.bus.request(runnerInvoke, { organization: ORGANIZATION, server: server as ServerName, revision, callId, method, params, timeoutMs, eventsTo, client }, { timeoutMs: timeoutMs + 15_000 });
  }

  /** As an edge does it whose clients watch these resources. */
  watch(server: string, uris: string[], edge = 'edge-1'): void {
    this.bus.publish(runnerWatch, { organization: ORGANIZATION, server: server as ServerName, edge, uris });
  }

  /** The text that a tool answers. */
  async call(server: string, tool: string, args: Record<string, unknown> = {}, options: CallOptions = {}): Promise<string> {
    const reply = await this.invoke(server, 'tools/call', { name: tool, arguments: args, ...(options.meta ? { _meta: options.meta } : {}) }, options);
    if ('error' in reply) throw new Error(`The tool failed: ${reply.error.message}`);
    const content = reply.result['content'] as { text?: string }[];
    return content.map((item) => item.text ?? '').join('');
  }

  /** What the status says of a server. */
  instance(server: string): Record<string, unknown> | undefined {
    const instances = this.service.health.status().details['instances'] as Record<string, unknown>[];
    return instances.find((entry) => entry['server'] === `${ORGANIZATION}/${server}`);
  }

  problem(component: string): string | undefined {
    return this.service.health.status().problems.find((problem) => problem.component === component)?.message;
  }

  async close(): Promise<void> {
    await this.service.close();
    await this.bus.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** The fault that a call ends in, as `code: message`. */
export async function faultOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    if (error instanceof GatewayError) return `${error.code}: ${error.message}`;
    throw error;
  }
  throw new Error('The call succeeded although it should not.');
}

/** Polls until the condition holds; the spec's own time-out ends a wait that is in vain. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 10));
}
