import { GatewayError, substituteSecrets, type OrganizationName, type OrganizationView, type SealedSecret, type ServerConfig, type ServerName, type ServerView } from '@mcpgw/contracts';
import type { SecretBox } from '@mcpgw/platform-runtime';
import type { Catalog } from '../catalog/catalog.js';
import type { HttpTarget } from '../upstream/http-target.js';

type Sealed = OrganizationView['secrets'];

/** Where HTTP servers are, their headers with the secrets filled in. Secrets are opened once for each revision of the snapshot. */
export class HttpTargets {
  private readonly targets = new WeakMap<ServerView, HttpTarget>();

  constructor(
    private readonly catalog: Catalog,
    private readonly box: SecretBox,
  ) {}

  /** By name: a call that was admitted under an older revision goes to where the server is now. */
  resolve(organization: OrganizationName, name: ServerName): HttpTarget | undefined {
    const found = this.catalog.view.organization(organization);
    const server = found?.server(name);
    if (!found || !server?.config.http) return undefined;
    const known = this.targets.get(server);
    if (known) return known;
    const { url, allowPrivateNetwork } = server.config.http;
    const target: HttpTarget = { url, headers: this.headers(server.config, found.view.secrets), allowPrivateNetwork, ...discovered(server) };
    this.targets.set(server, target);
    return target;
  }

  /** The configured headers in the clear. Throws `upstream_failed` naming a secret that isn't there. */
  headers(config: ServerConfig, secrets: Sealed): Record<string, string> {
    const open = (name: string): string => this.box.open(config.organization, name, sealedSecret(config, secrets, name));
    return Object.fromEntries(Object.entries(config.http?.headers ?? {}).map(([header, value]) => [header, substituteSecrets(value, open)]));
  }
}

/** How the server is to be spoken to. One that was never discovered is tried as the older era, which refuses the new one before it runs anything. */
function discovered({ definition }: ServerView): Pick<HttpTarget, 'era' | 'transport' | 'tools' | 'capabilities'> {
  if (definition?.era === 'modern') return { era: 'modern', tools: definition.tools, capabilities: definition.capabilities };
  return { era: 'legacy', ...(definition?.transport === undefined ? {} : { transport: definition.transport }) };
}

function sealedSecret({ name: server }: ServerConfig, secrets: Sealed, name: string): SealedSecret {
  const found = secrets.find((secret) => secret.name === name);
  if (!found) throw new GatewayError('upstream_failed', `The server "${server}" needs the secret "${name}", which is not set. The operator sets it with: mcpgw secret set ${name}.`);
  return found.sealed;
}
