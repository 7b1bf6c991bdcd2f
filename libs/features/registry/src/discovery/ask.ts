import { Inject, Injectable } from '@nestjs/common';
import { edgeDiscover, edgeStatus, GatewayError, runnerDiscover, runnerStatus, toGatewayError, type ServerDefinition } from '@mcpgw/contracts';
import type { Bus } from '@mcpgw/platform-bus';
import { BUS } from '@mcpgw/platform-runtime';
import { REGISTRY_CONFIG, type RegistryConfig } from '../registry.config.js';
import { secretsOf } from '../secrets/references.js';
import { loadSecrets } from '../secrets/secrets.js';
import { Database } from '../store/database.js';
import type { Claim } from './claims.js';

/** All definitions of an organization travel in one message to each edge. */
const MAX_DEFINITION_BYTES = 1_048_576;
const MAX_PROBLEM = 2_000;
const STATUS_TIMEOUT_MS = 2_000;

export type Answer =
  | { readonly kind: 'defined'; readonly definition: ServerDefinition }
  | { readonly kind: 'failed'; readonly problem: string }
  /** Nobody is there who could ask the server: says nothing about the server. */
  | { readonly kind: 'waiting'; readonly problem: string }
  | { readonly kind: 'cancelled' };

/** Puts the question to a server: through the runner, or, for an HTTP upstream, through an edge. Never rejects for the server's fault. */
@Injectable()
export class Ask {
  constructor(
    @Inject(BUS) private readonly bus: Bus,
    @Inject(Database) private readonly database: Database,
    @Inject(REGISTRY_CONFIG) private readonly config: RegistryConfig,
  ) {}

  async ask(claim: Claim, signal: AbortSignal): Promise<Answer> {
    try {
      const definition = await this.discover(claim, signal);
      const bytes = Buffer.byteLength(JSON.stringify(definition));
      if (bytes > MAX_DEFINITION_BYTES) return failed(claim, `It lists ${bytes} bytes of tools, resources and prompts, ${MAX_DEFINITION_BYTES} are the most. Register a server that offers less.`);
      return { kind: 'defined', definition };
    } catch (error) {
      const fault = toGatewayError(error);
      if (fault.code === 'cancelled') return { kind: 'cancelled' };
      if (fault.code === 'unavailable' && (await this.nobodyThere(claim))) return { kind: 'waiting', problem: fault.message };
      return failed(claim, fault.message);
    }
  }

  private async discover(claim: Claim, signal: AbortSignal): Promise<ServerDefinition> {
    const names = secretsOf(claim.config);
    const secrets = names.size === 0 ? [] : await this.database.read((tx) => loadSecrets(tx, [claim.organization], names));
    const set = new Set<string>(secrets.map((secret) => secret.name));
    const missing = [...names].filter((name) => !set.has(name));
    if (missing.length > 0) throw new GatewayError('upstream_failed', missingSecrets(claim, missing));
    const options = { timeoutMs: this.config.discoveryTimeoutSeconds * 1_000, signal };
    if (claim.config.stdio) return this.bus.request(runnerDiscover, { organization: claim.organization, server: claim.server, revision: claim.revision }, options);
    return this.bus.request(edgeDiscover, { config: claim.config, secrets: secrets.map(({ name, version, sealed }) => ({ name, version, sealed })) }, options);
  }

  /** `unavailable` may also be what the runner or edge says of this one server; then it answers for itself. */
  private async nobodyThere(claim: Claim): Promise<boolean> {
    try {
      await this.bus.request(claim.config.stdio ? runnerStatus : edgeStatus, {}, { timeoutMs: STATUS_TIMEOUT_MS });
      return false;
    } catch (error) {
      return toGatewayError(error).code === 'unavailable';
    }
  }
}

function missingSecrets({ organization, server }: Claim, names: readonly string[]): string {
  const listed = names.map((name) => `"${name}"`).join(', ');
  return `The server "${server}" needs the ${names.length === 1 ? 'secret' : 'secrets'} ${listed}, not set in the organization "${organization}". Set with: mcpgw secret set ${names[0]} --organization ${organization}`;
}

function failed({ server }: Claim, message: string): Answer {
  const problem = message.includes(server) ? message : `The server "${server}" could not be asked what it offers. ${message}`;
  return { kind: 'failed', problem: problem.slice(0, MAX_PROBLEM) };
}
