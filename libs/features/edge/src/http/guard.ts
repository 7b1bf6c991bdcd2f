import type { IncomingMessage } from 'node:http';
import { GatewayError } from '@mcpgw/contracts';

const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);
const LOOPBACK_ORIGIN = /^https?:\/\/(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?$/;
const HOST = /^(\[[0-9a-fA-F:.]+\]|[^:\s/]+)(?::\d{1,5})?$/;
/** Headers that decide something: sent twice, two readers could take different ones. */
const SINGLE = /^(host|origin|authorization|content-type|mcp-.*)$/i;

/**
 * Against DNS rebinding: a web page that makes its own name resolve to us still sends its own Host and Origin
 * (MCP, transports, security). Looked at before anything else on every request of the port.
 */
export class Guard {
  private readonly hosts: ReadonlySet<string>;
  private readonly origins: ReadonlySet<string>;

  constructor(allowedHosts: readonly string[], allowedOrigins: readonly string[]) {
    this.hosts = new Set([...LOOPBACK, ...allowedHosts.map((host) => host.toLowerCase())]);
    this.origins = new Set(allowedOrigins.map((origin) => origin.toLowerCase()));
  }

  /** `undefined` when the request may go on. */
  fault(request: Pick<IncomingMessage, 'headers' | 'rawHeaders'>): GatewayError | undefined {
    const repeated = repeatedHeader(request.rawHeaders);
    if (repeated !== undefined) return new GatewayError('invalid_request', `The header ${repeated} was sent more than once.`);
    const { host, origin } = request.headers;
    if (!this.servesHost(host)) return new GatewayError('origin_refused', 'The Host header names no host of this gateway. Its operator adds names with MCPGW_EDGE_ALLOWED_HOSTS.');
    if (origin !== undefined && !this.servesOrigin(origin)) return new GatewayError('origin_refused', 'Requests from this Origin are refused. The operator adds origins with MCPGW_EDGE_ALLOWED_ORIGINS.');
    return undefined;
  }

  private servesHost(host: string | undefined): boolean {
    const name = host === undefined ? undefined : HOST.exec(host)?.[1]?.toLowerCase();
    return name !== undefined && this.hosts.has(name);
  }

  private servesOrigin(origin: string): boolean {
    const value = origin.toLowerCase();
    return LOOPBACK_ORIGIN.test(value) || this.origins.has(value);
  }
}

function repeatedHeader(rawHeaders: readonly string[]): string | undefined {
  let seen: Set<string> | undefined;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string;
    if (!SINGLE.test(name)) continue;
    const key = name.toLowerCase();
    seen ??= new Set();
    if (seen.has(key)) return key;
    seen.add(key);
  }
  return undefined;
}
