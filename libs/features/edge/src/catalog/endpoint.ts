import { splitUri } from '@mcpgw/core-mcp-wire';
import type { ServerView } from '@mcpgw/contracts';
import { AppDomains } from './app-domains.js';
import { itemsOf, NamedOffer, targetOf, type Offer, type OfferKind } from './offer.js';
import { RouteNames, type Naming } from './route-names.js';
import { shownDefinition, type Rendering } from './shown-definition.js';

/** Where a named thing leads: the server that has it, and what it is called there. */
export interface Destination {
  readonly server: ServerView;
  readonly target: string;
  /** The listed definition; absent for what no list names, such as a URI that a template makes. */
  readonly offer: Offer | undefined;
}

export interface EndpointOptions {
  /** Shows `search_tools` and `call_tool` in place of the tools. */
  readonly toolSearch?: boolean;
  /** What apps may use; without it, nothing. */
  readonly domains?: AppDomains;
}

/** What `/mcp` or `/mcp/<route>` shows of one organization at one revision. Immutable. */
export class Endpoint {
  readonly names: RouteNames;
  readonly toolSearch: boolean;
  readonly domains: AppDomains;
  private readonly byKind = new Map<OfferKind, ReadonlyMap<string, Offer>>();
  private readonly byName: ReadonlyMap<string, ServerView>;

  constructor(
    /** Unique among all endpoints that ever were: caches are keyed by it. */
    readonly id: string,
    readonly naming: Naming,
    readonly servers: readonly ServerView[],
    { toolSearch = false, domains = new AppDomains(undefined) }: EndpointOptions = {},
  ) {
    this.names = new RouteNames(naming, servers);
    this.toolSearch = toolSearch;
    this.domains = domains;
    this.byName = new Map(servers.map((server) => [server.config.name as string, server]));
  }

  /** Sorted by shown name, in code unit order: the same list whatever the order in which servers came. */
  offers(kind: OfferKind): ReadonlyMap<string, Offer> {
    let offers = this.byKind.get(kind);
    if (!offers) {
      const all = this.servers.flatMap((server) => this.offersOf(server, kind));
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
  findResource(shown: string, kind: 'resources' | 'resourceTemplates' | 'skills' = 'resources'): Destination | undefined {
    const offer = this.offers(kind).get(shown);
    if (offer) return { server: offer.server, target: offer.target, offer };
    if (this.naming === 'transparent') return this.servers[0] && { server: this.servers[0], target: shown, offer: undefined };
    const split = splitUri(shown);
    const server = split && this.byName.get(split.server);
    if (server) return this.shownUri(server, split.uri) === shown ? { server, target: split.uri, offer: undefined } : undefined;
    const owner = this.naming === 'federated' ? undefined : this.byName.get(this.names.ownerOf(shown) ?? '');
    return owner && { server: owner, target: shown, offer: undefined };
  }

  /** The URI by which this endpoint's clients know what a server calls `uri`: for links in results, and news of changes. */
  shownUri(server: ServerView, uri: string): string {
    return this.names.shownUri(server, uri);
  }

  private offersOf(server: ServerView, kind: OfferKind): readonly Offer[] {
    const rendering: Rendering = { shownUri: (owner, uri) => this.shownUri(owner, uri), domains: this.domains };
    const offers: Offer[] = [];
    for (const definition of itemsOf(server, kind)) {
      const target = targetOf(kind, definition);
      const shown = this.names.shown(kind, server, target);
      if (shown !== undefined) offers.push(new NamedOffer(kind, server, target, shown, definition, (offer) => shownDefinition(offer, rendering)));
    }
    return offers;
  }
}
