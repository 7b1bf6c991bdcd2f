import { GatewayError } from '@mcpgw/contracts';

/**
 * Refuses a request that reached this port under a name that is not ours (DNS rebinding: the attacker's name resolves to
 * loopback, the browser sends it as Host), or that a page of another site sent (Origin).
 */
export class AllowedHosts {
  private readonly names: ReadonlySet<string>;

  constructor(names: readonly string[]) {
    this.names = new Set(names);
  }

  check(headers: { readonly host?: string | undefined; readonly origin?: string | undefined }): void {
    const host = hostName(headers.host);
    if (host === undefined || !this.names.has(host)) {
      throw new GatewayError('origin_refused', 'The management API is not served under this host name. Use a loopback name, or add yours to MCPGW_ADMIN_ALLOWED_HOSTS.');
    }
    if (headers.origin === undefined) return;
    const origin = originName(headers.origin);
    if (origin === undefined || !this.names.has(origin)) {
      throw new GatewayError('origin_refused', 'The management API does not answer pages of this origin. Add its host name to MCPGW_ADMIN_ALLOWED_HOSTS if it is yours.');
    }
  }
}

function hostName(header: string | undefined): string | undefined {
  return /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{1,5})?$/.exec(header?.toLowerCase() ?? '')?.[1];
}

function originName(header: string): string | undefined {
  const url = URL.parse(header);
  return url && (url.protocol === 'http:' || url.protocol === 'https:') ? url.hostname : undefined;
}
