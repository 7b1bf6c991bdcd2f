import { secretReferences, type ServerConfig } from '@mcpgw/contracts';

/** Names of the secrets that a server is started or called with. */
export function secretsOf(server: ServerConfig): ReadonlySet<string> {
  const values = [...Object.values(server.stdio?.env ?? {}), ...Object.values(server.http?.headers ?? {})];
  return new Set(values.flatMap((value) => secretReferences(value)));
}
