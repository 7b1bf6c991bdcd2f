import { GatewayError, secretReferences, substituteSecrets, type SealedSecret, type StdioTransport } from '@mcpgw/contracts';
import { redactorFor, type Redact } from './redactor.js';

export interface SecretOpener {
  open(organization: string, name: string, sealed: SealedSecret): string;
}

export interface ResolvedEnvironment {
  readonly env: Readonly<Record<string, string>>;
  readonly redact: Redact;
}

type Sealed = readonly { readonly name: string; readonly sealed: SealedSecret }[];

/** The server's environment with its secrets in clear: the only place where they are. Throws `upstream_failed` naming a secret that is missing. */
export function resolveEnvironment(organization: string, server: string, transport: StdioTransport, secrets: Sealed, opener: SecretOpener): ResolvedEnvironment {
  const values = new Map<string, string>();
  for (const name of new Set(Object.values(transport.env).flatMap(secretReferences))) {
    const secret = secrets.find((candidate) => candidate.name === name);
    if (!secret) throw new GatewayError('upstream_failed', `The server "${server}" needs the secret "${name}", which is not set. Set it: mcpgw secret set ${name} --organization ${organization}.`);
    values.set(name, opener.open(organization, name, secret.sealed));
  }
  const env = Object.fromEntries(Object.entries(transport.env).map(([key, value]) => [key, substituteSecrets(value, (name) => values.get(name) as string)]));
  for (const [key, value] of Object.entries(env)) {
    if (value.includes('\0')) throw new GatewayError('upstream_failed', `A secret in the variable ${key} of server "${server}" contains a NUL character, which no environment can hold. Set it again without.`);
  }
  return { env, redact: redactorFor([...values.values()]) };
}
