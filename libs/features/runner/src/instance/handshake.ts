import { GatewayError, type Era, type UpstreamReply } from '@mcpgw/contracts';
import { legacyInitializeParams, paramsForModern, readDiscoverResult, readInitializeResult, type Handshake, type HandshakeResult, type JsonObject } from '@mcpgw/core-mcp-wire';
import type { StdioClient } from './stdio-client.js';

const CLIENT_INFO = { name: 'mcp-gateway', version: '0.1.0' };

/** Params of a request to a modern server, in the envelope of our hop. */
export function inEnvelope(params: JsonObject, clientCapabilities: JsonObject = {}): JsonObject {
  return paramsForModern(params, { clientInfo: CLIENT_INFO, clientCapabilities });
}

/**
 * Makes a server's acquaintance in the words of its era. One that was taken for legacy and refuses `initialize` is asked in the
 * modern way too: its result says what it is. Rejects with a GatewayError whose message completes "it did not start: …".
 */
export async function shakeHands(client: StdioClient, era: Era, capabilities: JsonObject, withinMs: number): Promise<Handshake> {
  const deadline = performance.now() + withinMs;
  const ask = (method: string, params: JsonObject): Promise<UpstreamReply> => client.request(method, params, { timeoutMs: Math.max(1, deadline - performance.now()) });
  if (era === 'modern') return discovered(await ask('server/discover', inEnvelope({})), 'server/discover');
  const reply = await ask('initialize', legacyInitializeParams(CLIENT_INFO, capabilities));
  if ('error' in reply) return discovered(await ask('server/discover', inEnvelope({})), 'initialize', reply);
  const handshake = accept(readInitializeResult(reply.result), 'initialize');
  client.notify('notifications/initialized');
  // All that it logs: the edge knows who wants how much. Whether it obeys is its own affair.
  if (handshake.capabilities['logging'] !== undefined) client.request('logging/setLevel', { level: 'debug' }, { timeoutMs: withinMs }).catch(() => {});
  return handshake;
}

function discovered(reply: UpstreamReply, method: string, refusal: UpstreamReply = reply): Handshake {
  if ('result' in reply) return accept(readDiscoverResult(reply.result), 'server/discover');
  const error = 'error' in refusal ? refusal.error : reply.error;
  throw new GatewayError('upstream_failed', `it refused ${method} with error ${error.code}: ${error.message.slice(0, 200)}`);
}

function accept(result: HandshakeResult, method: string): Handshake {
  if (!result.ok) throw new GatewayError('upstream_failed', `its answer to ${method} is invalid: ${result.reason}`);
  return result.handshake;
}
