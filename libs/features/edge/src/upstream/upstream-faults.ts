import { GatewayError, type ErrorCode } from '@mcpgw/contracts';
import { quote, type RpcError } from '@mcpgw/core-mcp-wire';
import { ForbiddenAddressError } from './dial-guard.js';

/** Who failed, for messages: the server's name and its URL's host. */
export interface Culprit {
  readonly server: string;
  readonly host: string;
}

function fault(code: ErrorCode, culprit: Culprit, what: string, cause?: unknown): GatewayError {
  return new GatewayError(code, `Server "${culprit.server}" at ${culprit.host} ${what}`, cause === undefined ? undefined : { cause });
}

/** Nothing left the gateway, so nothing ran. */
export function notSent(culprit: Culprit, cause: unknown): GatewayError {
  if (cause instanceof ForbiddenAddressError) {
    return fault('upstream_failed', culprit, 'resolves to a private or special network address, which its configuration does not permit. Set http.allowPrivateNetwork: true if that is meant.', cause);
  }
  const code = codeOf(cause);
  return fault('upstream_failed', culprit, `can not be reached (${code}). ${ADVICE[code] ?? 'Check that it runs and that its URL is right.'}`, cause);
}

const ADVICE: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'Start it, or correct the port in its URL.',
  ENOTFOUND: 'Correct the host name in its URL, or its DNS record.',
  EAI_AGAIN: 'Name resolution does not work at the moment; check the DNS of the gateway.',
  UND_ERR_CONNECT_TIMEOUT: 'Check the network and firewalls between the gateway and it.',
  UND_ERR_INVALID_ARG: 'Check the URL and the headers in its configuration: one of them can not be sent.',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'Its certificate is self-signed; install one that the gateway trusts.',
  CERT_HAS_EXPIRED: 'Renew its certificate.',
};

function codeOf(cause: unknown): string {
  if (cause instanceof AggregateError) return codeOf(cause.errors[0]);
  const code = (cause as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' ? code : 'no connection';
}

/** It had the request and the answer did not come: it may have run. */
export function lost(culprit: Culprit, cause?: unknown): GatewayError {
  return fault('upstream_lost', culprit, 'broke the connection before it answered; the call may or may not have run. Check whether it did before you repeat it.', cause);
}

export function tooLarge(culprit: Culprit, maxBytes: number): GatewayError {
  return fault('upstream_lost', culprit, `answered with more than ${maxBytes} bytes, which was cut off. Ask it for less, or raise the gateway's limit.`);
}

export function encoded(culprit: Culprit): GatewayError {
  return fault('upstream_lost', culprit, 'compressed its answer though it was asked not to, and compressed answers are not read; the call may or may not have run. Switch its compression off for the gateway.');
}

export function garbage(culprit: Culprit, status: number): GatewayError {
  return fault('upstream_lost', culprit, `answered HTTP ${status} with something that is not the JSON-RPC answer to the request. Check that its URL is that of an MCP endpoint.`);
}

export function busy(culprit: Culprit, pending: number): GatewayError {
  return fault('upstream_failed', culprit, `has ${pending} calls waiting already. Try again later.`);
}

export function stopped(culprit: Culprit, reason: 'timeout' | 'cancelled', timeoutMs: number): GatewayError {
  if (reason === 'cancelled') return fault('cancelled', culprit, 'was told that the call is cancelled.');
  return fault('timeout', culprit, `did not answer within ${Math.round(timeoutMs)} ms; the call was cancelled there. Raise callTimeoutSeconds if it needs longer.`);
}

export function handshakeRefused(culprit: Culprit, reason: string, error?: RpcError): GatewayError {
  const what = `did not complete the MCP handshake: ${reason}. Check that its URL is that of an MCP endpoint, and its version.`;
  return new UpstreamRefusal('upstream_failed', culprit, what, { code: error?.code });
}

/** A refusal from which one can tell whether the server speaks the era that it is taken for. */
export class UpstreamRefusal extends GatewayError {
  /** HTTP status, when it was not a JSON-RPC answer. */
  readonly status: number | undefined;
  /** JSON-RPC code, when there was one. */
  readonly rpcCode: number | undefined;

  constructor(code: ErrorCode, culprit: Culprit, what: string, said: { readonly status?: number | undefined; readonly code?: number | undefined }) {
    super(code, `Server "${culprit.server}" at ${culprit.host} ${what}`);
    this.status = said.status;
    this.rpcCode = said.code;
  }
}

/** An answer without a usable JSON-RPC message. `location` is the origin of a redirect's target. */
export function refusedByStatus(culprit: Culprit, status: number, detail: { readonly location?: string | undefined; readonly error?: RpcError | undefined }): GatewayError {
  const said = detail.error === undefined ? '' : `: error ${detail.error.code} ${quote(detail.error.message)}`;
  if (status === 401 || status === 403) return fault('upstream_failed', culprit, `refuses the gateway's credentials (HTTP ${status}${said}). Check the secret in its headers.`);
  if (status >= 300 && status < 400) {
    return fault('upstream_failed', culprit, `answered with a redirect${detail.location === undefined ? '' : ` to ${detail.location}`}, which is never followed. Register the final URL instead.`);
  }
  if (status === 429 || status === 503) return fault('upstream_failed', culprit, `is overloaded or not ready (HTTP ${status}${said}). Try again later.`);
  if (status >= 400 && status < 500) return new UpstreamRefusal('upstream_failed', culprit, `refused the request (HTTP ${status}${said}). Check that its URL is that of an MCP endpoint.`, { status, code: detail.error?.code });
  return fault('upstream_lost', culprit, `failed (HTTP ${status}${said}); the call may or may not have run. See its own log.`);
}
