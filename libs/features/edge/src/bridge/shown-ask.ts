import { askInTheNameOf, isDeclaredAsk, type Ask, type JsonObject } from '@mcpgw/core-mcp-wire';
import type { Trip } from '../call-tool/trip.js';

/** A question as the client sees it: where several servers are behind one endpoint, it says which of them asks. */
export function shownAsk({ admitted, wanted }: Pick<Trip, 'admitted' | 'wanted'>, ask: Ask): Ask {
  return admitted.endpoint.naming === 'transparent' ? ask : askInTheNameOf(wanted.destination.server.config.name, ask);
}

/** Whether a client that declared `capabilities` may be asked this. */
export function isAskable(capabilities: JsonObject, { method, params }: Ask): boolean {
  return isDeclaredAsk(capabilities, method, params);
}
