import { GatewayError, registryServer, secretReferences, upstreamChanged, type OrganizationName, type ServerName } from '@mcpgw/contracts';
import type { Bus } from '@mcpgw/platform-bus';
import type { Clock, Health, Logger } from '@mcpgw/platform-runtime';
import type { Sandbox } from '../sandbox/sandbox.js';
import { resolveEnvironment, type SecretOpener } from '../secrets/environment.js';
import { ChangeHints } from './change-hints.js';
import { Instance } from './instance.js';
import { ServerSlot, type Blueprint } from './server-slot.js';

export interface PoolOptions {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly health: Health;
  readonly logger: Logger;
  readonly secrets: SecretOpener;
  /** Resolves once the probe has chosen; rejects with `sandbox_unavailable`. */
  readonly sandbox: () => Promise<Sandbox>;
  readonly idleMs: number;
  readonly maxInstances: number;
  readonly startTimeoutMs: number;
  readonly maxLineBytes: number;
}

const MAX_SWEEP_MS = 5_000;

/** All servers of this runner: who runs, who is idle, who makes room for whom. */
export class InstancePool {
  private readonly slots = new Map<string, ServerSlot>();
  private readonly hints: ChangeHints;
  private readonly sweeper: NodeJS.Timeout;
  private readonly stopping = new AbortController();

  constructor(private readonly options: PoolOptions) {
    this.hints = new ChangeHints((organization, server) => options.bus.publish(upstreamChanged, { organization, server }));
    this.sweeper = setInterval(() => this.stopIdle(), Math.min(MAX_SWEEP_MS, options.idleMs / 2)).unref();
  }

  /** A running instance of the server; see `ServerSlot.acquire`. */
  async acquire(organization: OrganizationName, server: ServerName, revision: number): Promise<Instance> {
    if (this.stopping.signal.aborted) throw new GatewayError('unavailable', 'The runner is stopping. Try again.');
    await this.options.sandbox();
    try {
      return await this.slot(organization, server).acquire(revision);
    } catch (error) {
      if (error instanceof GatewayError && error.code === 'not_found') this.forget(keyOf(organization, server));
      throw error;
    }
  }

  /** The words in which the operator is told what is wrong with a server. */
  problemOf(organization: OrganizationName, server: ServerName): string | undefined {
    return this.slots.get(keyOf(organization, server))?.lastProblem();
  }

  /** The registry hinted that something of this organization changed: what was replaced or removed there ends here. */
  async expire(organization: OrganizationName): Promise<void> {
    const slots = [...this.slots].filter(([key]) => key.startsWith(`${organization}/`));
    await Promise.all(slots.map(async ([key, slot]) => ((await slot.expire()) ? undefined : this.forget(key))));
  }

  describe(): readonly object[] {
    return [...this.slots].map(([key, slot]) => {
      const { current } = slot;
      const usage = current?.usage();
      return {
        server: key,
        revision: slot.revision,
        state: slot.state(),
        restarts: slot.restarts,
        inFlight: current?.inFlight ?? 0,
        ...(current ? { startedAt: new Date(current.startedAt).toISOString(), garbageLines: current.garbageLines } : {}),
        ...(usage ? { processes: usage.processes, memoryMb: Math.round(usage.memoryBytes / 1_048_576) } : {}),
        ...(slot.lastProblem() === undefined ? {} : { problem: slot.lastProblem() }),
      };
    });
  }

  async close(): Promise<void> {
    this.stopping.abort();
    clearInterval(this.sweeper);
    this.hints.close();
    await Promise.all([...this.slots.values()].map((slot) => slot.close()));
  }

  private slot(organization: OrganizationName, server: ServerName): ServerSlot {
    const key = keyOf(organization, server);
    const existing = this.slots.get(key);
    if (existing) return existing;
    const slot = new ServerSlot({
      organization,
      server,
      clock: this.options.clock,
      load: () => this.load(organization, server),
      makeRoom: () => this.makeRoom(key),
      onProblem: (problem) => this.report(organization, server, problem),
    });
    this.slots.set(key, slot);
    return slot;
  }

  private async load(organization: OrganizationName, server: ServerName): Promise<Blueprint> {
    const { config, revision, secrets } = await this.options.bus.request(registryServer, { organization, server });
    const { stdio } = config;
    if (!stdio) throw new GatewayError('invalid_request', `The server "${server}" is reached over HTTP: there is nothing to run.`);
    const needed = new Set<string>(Object.values(stdio.env).flatMap(secretReferences));
    const versions = secrets.filter(({ name }) => needed.has(name)).map(({ name, version }) => `${name}@${version}`);
    const fingerprint = JSON.stringify([stdio, versions.sort()]);
    const start = async (): Promise<Instance> => {
      const { env, redact } = resolveEnvironment(organization, server, stdio, secrets, this.options.secrets);
      const { command, args, sandbox } = stdio;
      return Instance.start({
        sandbox: await this.options.sandbox(),
        spec: { organization, server, command, args, env, sandbox },
        redact,
        clock: this.options.clock,
        startTimeoutMs: this.options.startTimeoutMs,
        maxLineBytes: this.options.maxLineBytes,
        signal: this.stopping.signal,
        onNotification: (method) => this.hints.notified(organization, server, method),
      });
    };
    return { fingerprint, revision, start };
  }

  /** Stops the instance that was idle longest when as many run as may. */
  private makeRoom(forKey: string): void {
    const running = [...this.slots].filter(([key, slot]) => key !== forKey && slot.state() !== 'stopped' && slot.state() !== 'failed');
    if (running.length < this.options.maxInstances) return;
    const idle = running.flatMap(([, slot]) => (slot.current?.inFlight === 0 ? [{ slot, at: slot.current.lastUsedAt }] : [])).sort((a, b) => a.at - b.at)[0];
    if (!idle) throw new GatewayError('unavailable', `All ${this.options.maxInstances} servers that may run at once are busy. Try again, or raise MCPGW_RUNNER_MAX_INSTANCES.`);
    void idle.slot.stopCurrent();
  }

  private stopIdle(): void {
    const before = this.options.clock.now() - this.options.idleMs;
    for (const slot of this.slots.values()) if (slot.current?.inFlight === 0 && slot.current.lastUsedAt < before) void slot.stopCurrent();
  }

  private report(organization: OrganizationName, server: ServerName, problem: string | undefined): void {
    const component = `server ${organization}/${server}`;
    if (problem === undefined) return this.options.health.ok(component);
    this.options.health.fail(component, { message: problem, action: `Repair or reconfigure the server "${server}"; it is started again by the next call.` });
    // Without the words: what a server prints may repeat what it was called with.
    this.options.logger.warn({ organization, server }, 'a server failed; mcpgw status says why');
  }

  private forget(key: string): void {
    void this.slots.get(key)?.close();
    this.slots.delete(key);
    this.options.health.ok(`server ${key}`);
  }
}

function keyOf(organization: OrganizationName, server: ServerName): string {
  return `${organization}/${server}`;
}
