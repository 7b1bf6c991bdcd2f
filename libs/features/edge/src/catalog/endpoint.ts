import { splitUri } from '@mcpgw/core-mcp-wire';
import type { ServerView } from '@mcpgw/contracts';
import { offersOf, type Naming, type Offer, type OfferKind } from './offer.js';

/** Where a named thing leads: the server that has it, and what it is called there. */
export interface Destination {
  readonly server: ServerView;
  readonly target: string;
  /** The listed definition; absent for what no list names, such as a URI that a template makes. */
  readonly offer: Offer | undefined;
}

/** What `/mcp` or `/mcp/<route>` shows of one organization at one revision. Immutable. */
export class Endpoint {
  private readonly byKind = new Map<OfferKind, ReadonlyMap<string, Offer>>();
  private readonly byName: ReadonlyMap<string, ServerView>;

  constructor(
    /** Unique among all endpoints that ever were: caches are keyed by it. */
    readonly id: string,
    readonly naming: Naming,
    readonly servers: readonly ServerView[],
  ) {
    this.byName = new Map(servers.map((server) => [server.config.name as string, server]));
  }

  /** Sorted by shown name, in code unit order: the same list whatever the order in which servers came. */
  offers(kind: OfferKind): ReadonlyMap<string, Offer> {
    let offers = this.byKind.get(kind);
    if (!offers) {
      const all = this.servers.flatMap((server) => offersOf(server, kind, this.naming));
      offers = new Map(all.sort((a, b) => (a.shown < b.shown ? -1 : a.shown > b.shown ? 1 : 0)).map((offer) => [offer.shown, offer]));
      this.byKind.set(kind, offers);
    }
    return offers;
  }

  /** A tool or prompt by its shown name. */
  find(kind: 'tools' | 'prompts', shown: string): Destination | undefined {
    const offer = this.offers(kind).get(shown);
    return offer && { server: offer.server, target: offer.target, offer };
  }

  /** A resource by its shown URI; listed or not, since templates make URIs that no list names. */
  findResource(shown: string, kind: 'resources' | 'resourceTemplates' = 'resources'): Destination | undefined {
    const offer = this.offers(kind).get(shown);
    if (offer) return { server: offer.server, target: offer.target, offer };
    if (this.naming === 'transparent') return this.servers[0] && { server: this.servers[0], target: shown, offer: undefined };
    const split = splitUri(shown);
    const server = split && this.byName.get(split.server);
    return server && { server, target: split.uri, offer: undefined };
  }
}
