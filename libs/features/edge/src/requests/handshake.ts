import type { ServerView } from '@mcpgw/contracts';
import { isObject } from '@mcpgw/core-mcp-wire';
import type { Principal } from '../authn/principal.js';
import type { Endpoint } from '../catalog/endpoint.js';
import { advertisedExtensions } from '../catalog/extensions.js';
import type { OfferKind } from '../catalog/offer.js';
import type { VisibleLists } from '../lists/visible-lists.js';

const MAX_INSTRUCTIONS_CHARACTERS = 16_384;
const KINDS: readonly OfferKind[] = ['tools', 'prompts', 'resources', 'resourceTemplates'];

/** The union of what the endpoint's servers can do and the gateway carries. Tools always: servers may come later. */
export function capabilitiesOf(endpoint: Endpoint): Record<string, object> {
  const has = (name: string): boolean => endpoint.servers.some((server) => server.definition !== undefined && name in server.definition.capabilities);
  const extensions = advertisedExtensions(endpoint);
  const changing = { listChanged: true };
  const subscribe = endpoint.servers.some(canBeWatched) ? { subscribe: true } : {};
  return {
    tools: changing,
    ...(has('prompts') ? { prompts: changing } : {}),
    ...(has('resources') ? { resources: { ...changing, ...subscribe } } : {}),
    ...(has('completions') ? { completions: {} } : {}),
    ...(has('logging') ? { logging: {} } : {}),
    ...(extensions === undefined ? {} : { extensions }),
  };
}

/** Whether the server tells when one of its resources changes. */
export function canBeWatched({ definition }: ServerView): boolean {
  const resources = definition?.capabilities['resources'];
  return isObject(resources) && resources['subscribe'] === true;
}

/** The instructions of the servers of which the principal sees anything; of several, each under its server's name. */
export function instructionsOf(endpoint: Endpoint, principal: Principal, lists: VisibleLists): string | undefined {
  const seen = new Set(KINDS.flatMap((kind) => lists.list(principal, endpoint, kind).offers.map((offer) => offer.server)));
  const texts = endpoint.servers.filter((server) => seen.has(server) && server.definition?.instructions);
  if (texts.length === 0) return undefined;
  const parts = texts.map((server) => (endpoint.naming === 'transparent' ? server.definition?.instructions : `# ${server.config.name}\n${server.definition?.instructions}`));
  return parts.join('\n\n').slice(0, MAX_INSTRUCTIONS_CHARACTERS);
}
