import { GatewayError, registryServer, secretReferences, type OrganizationName, type ServerConfig, type ServerName, type StdioTransport } from '@mcpgw/contracts';
import type { JsonObject } from '@mcpgw/core-mcp-wire';
import type { Bus } from '@mcpgw/platform-bus';
import type { Clock } from '@mcpgw/platform-runtime';
import type { LaunchSpec, Sandbox } from '../sandbox/sandbox.js';
import { resolveEnvironment, type SecretOpener } from '../secrets/environment.js';
import type { Redact } from '../secrets/redactor.js';
import { probeEra } from './era-probe.js';
import { Instance, type InstanceOptions } from './instance.js';

/** What to start: made from the registry's answer. `fingerprint` is equal exactly when a running instance needs no replacement. */
export interface Blueprint {
  readonly fingerprint: string;
  readonly revision: number;
  readonly sessions: ServerConfig['sessions'];
  /** Whether two processes of it can't get in each other's way: they share neither a folder that they write nor a network. */
  readonly mayRunTwice: boolean;
  /** Finds out its era in a process that is thrown away; see `probeEra`. Never rejects. */
  readonly probe: () => Promise<Instance['server']['era']>;
  /** Resolves secrets and launches. */
  readonly start: (how: Pick<InstanceOptions, 'era' | 'capabilities' | 'isOwn' | 'onWrongEra'>) => Promise<Instance>;
}

export interface BlueprintOptions {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly secrets: SecretOpener;
  /** Resolves once the probe has chosen; rejects with `sandbox_unavailable`. */
  readonly sandbox: () => Promise<Sandbox>;
  readonly startTimeoutMs: number;
  readonly maxLineBytes: number;
}

/** A legacy server that hangs on what it doesn't know costs its first caller this much, once. */
const PROBE_TIMEOUT_MS = 5_000;

/** Makes blueprints of what the registry says, and knows which probes still run. */
export class Blueprints {
  private readonly probes = new Set<Promise<void>>();

  constructor(
    private readonly options: BlueprintOptions,
    private readonly signal: AbortSignal,
    private readonly onNotification: (organization: OrganizationName, server: ServerName, method: string, params: JsonObject) => void,
  ) {}

  async load(organization: OrganizationName, server: ServerName): Promise<Blueprint> {
    const { config, revision, secrets } = await this.options.bus.request(registryServer, { organization, server });
    const { stdio, sessions } = config;
    if (!stdio) throw new GatewayError('invalid_request', `The server "${server}" is reached over HTTP: there is nothing to run.`);
    const needed = new Set<string>(Object.values(stdio.env).flatMap(secretReferences));
    const versions = secrets.filter(({ name }) => needed.has(name)).map(({ name, version }) => `${name}@${version}`);
    const mayRunTwice = stdio.sandbox.write.length === 0 && stdio.sandbox.network === 'none';
    const spec = (): { readonly spec: LaunchSpec; readonly redact: Redact } => {
      const { env, redact } = resolveEnvironment(organization, server, stdio, secrets, this.options.secrets);
      return { spec: specOf(organization, server, stdio, env), redact };
    };
    return {
      fingerprint: JSON.stringify([stdio, sessions, versions.sort()]),
      revision,
      sessions,
      mayRunTwice,
      probe: () => this.probe(spec, mayRunTwice),
      start: async (how) => {
        const { clock, startTimeoutMs, maxLineBytes } = this.options;
        const onNotification = (method: string, params: JsonObject): void => this.onNotification(organization, server, method, params);
        return Instance.start({ ...spec(), ...how, sandbox: await this.options.sandbox(), clock, startTimeoutMs, maxLineBytes, signal: this.signal, onNotification });
      },
    };
  }

  /** Resolves when no probe's process is left. */
  async settled(): Promise<void> {
    await Promise.all(this.probes);
  }

  private async probe(specOfServer: () => { readonly spec: LaunchSpec }, mayRunTwice: boolean): ReturnType<Blueprint['probe']> {
    try {
      const { clock, maxLineBytes, startTimeoutMs } = this.options;
      const timeoutMs = Math.min(PROBE_TIMEOUT_MS, startTimeoutMs);
      const { era, ended } = await probeEra({ spec: specOfServer().spec, sandbox: await this.options.sandbox(), clock, maxLineBytes, timeoutMs, signal: this.signal });
      const gone = ended.finally(() => this.probes.delete(gone));
      this.probes.add(gone);
      if (!mayRunTwice) await gone;
      return era;
    } catch {
      return 'legacy'; // A secret is missing, or there is no sandbox: the real start says so.
    }
  }
}

function specOf(organization: string, server: string, { command, args, sandbox }: StdioTransport, env: LaunchSpec['env']): LaunchSpec {
  return { organization, server, command, args, env, sandbox };
}
