import type { ConnectionOptions } from 'nats';

/** `nats://user:password@host:port`, several joined by commas; `tls://` asks for TLS. */
export interface NatsAddress {
  readonly connect: Pick<ConnectionOptions, 'servers' | 'user' | 'pass' | 'token' | 'tls'>;
  /** Without credentials, for logs and status. */
  readonly shown: string;
}

/** The client takes credentials apart from the address. A name without a password is a token. Throws on what is no address. */
export function parseNatsAddress(text: string): NatsAddress {
  const urls = text.split(',').map((part) => {
    const url = URL.parse(part.trim().includes('://') ? part.trim() : `nats://${part.trim()}`);
    if (!url || url.hostname === '') throw new Error(`MCPGW_NATS_URL: "${part.trim().replace(/\/\/[^@/]*@/, '//***@')}" is no address; write nats://host:port.`);
    return url;
  });
  const servers = urls.map((url) => `${url.hostname}:${url.port || '4222'}`);
  const named = urls.find((url) => url.username !== '');
  const user = named && decodeURIComponent(named.username);
  const pass = named && decodeURIComponent(named.password);
  return {
    connect: {
      servers,
      ...(user ? (pass ? { user, pass } : { token: user }) : {}),
      ...(urls.some((url) => url.protocol === 'tls:') ? { tls: {} } : {}),
    },
    shown: servers.map((server) => `nats://${server}`).join(','),
  };
}
