import { z } from 'zod';
import { CliError, EXIT } from '../cli-error.js';
import type { Settings } from '../settings.js';
import { AdminClient } from './admin-client.js';
import { EdgeClient } from './edge-client.js';
import { endpoint, type Endpoint } from './endpoint.js';
import { readFirstRun, type FirstRun } from './first-run.js';

const NO_GATEWAY = 'No running gateway is known here. Start one with "npm start" or "mcpgw up"';

const organizationList = z.object({ organizations: z.array(z.object({ name: z.string() })) });

/** Finds the gateway: flags and environment first, then what it wrote into its data folder. */
export class Connection {
  private clients: { close(): Promise<void> }[] = [];
  private found: FirstRun | undefined;
  private sought = false;

  constructor(readonly settings: Settings) {}

  firstRun(): FirstRun | undefined {
    if (!this.sought) this.found = readFirstRun(this.settings.dataDir)?.content;
    this.sought = true;
    return this.found;
  }

  adminEndpoint(): Endpoint {
    const { adminSocket, adminUrl } = this.settings;
    if (adminSocket !== undefined) return endpoint(`unix:${adminSocket}`);
    const url = adminUrl ?? this.firstRun()?.adminUrl;
    if (url === undefined) throw new CliError(`${NO_GATEWAY}, or give --admin-url and --token.`, { exitCode: EXIT.unreachable, code: 'unreachable' });
    return endpoint(url);
  }

  admin(): AdminClient {
    const at = this.adminEndpoint();
    const token = this.settings.adminToken ?? this.firstRun()?.adminToken;
    if (!token) throw new CliError('No operator token is known. Give it as MCPGW_ADMIN_TOKEN or --token.', { exitCode: EXIT.usage, code: 'usage' });
    return this.kept(new AdminClient(at, token));
  }

  edgeEndpoint(): Endpoint {
    const { edgeSocket, edgeUrl } = this.settings;
    if (edgeSocket !== undefined) return endpoint(`unix:${edgeSocket}`);
    const url = edgeUrl ?? this.firstRun()?.edgeUrl;
    if (url === undefined) throw new CliError(`${NO_GATEWAY}, or give MCPGW_EDGE_URL and MCPGW_CONSUMER_KEY.`, { exitCode: EXIT.unreachable, code: 'unreachable' });
    return endpoint(url);
  }

  consumerKey(given?: string): string {
    const key = given ?? this.settings.consumerKey ?? this.firstRun()?.consumerKey;
    if (!key) throw new CliError('No consumer key is known. Make one with "mcpgw key create" and give it as MCPGW_CONSUMER_KEY.', { exitCode: EXIT.usage, code: 'usage' });
    return key;
  }

  edge(options: { readonly consumerKey?: string | undefined; readonly route?: string | undefined }): EdgeClient {
    return this.kept(new EdgeClient(this.edgeEndpoint(), this.consumerKey(options.consumerKey), options.route));
  }

  /** The organization that is meant: the one named, else the only one there is, else the one of the first run. */
  async organization(admin: AdminClient, given: string | undefined): Promise<string> {
    if (given !== undefined) return given;
    const { organizations } = await admin.call('GET', 'organizations', organizationList);
    const [first, second] = organizations;
    if (first && !second) return first.name;
    const own = this.firstRun()?.organization;
    if (own !== undefined && organizations.some(({ name }) => name === own)) return own;
    const names = organizations.slice(0, 10).map(({ name }) => name).join(', ');
    throw new CliError(`Say which organization is meant: --organization NAME${names ? ` (there are ${names})` : '; there is none yet, apply a configuration first'}.`, { exitCode: EXIT.usage, code: 'usage' });
  }

  async close(): Promise<void> {
    const clients = this.clients;
    this.clients = [];
    await Promise.allSettled(clients.map((client) => client.close()));
  }

  private kept<T extends { close(): Promise<void> }>(client: T): T {
    this.clients.push(client);
    return client;
  }
}
