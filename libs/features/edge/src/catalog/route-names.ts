import { contestedNames, contestedTemplates, contestedUris, federatedName, federatedUri, splitUri, templateHead, type Contested, type Published } from '@mcpgw/core-mcp-wire';
import type { RouteConfig, ServerView } from '@mcpgw/contracts';
import { itemsOf, targetOf, type OfferKind } from './offer.js';

/**
 * How an endpoint calls what its servers offer. `transparent`: one server, its own names. Several servers: `federated`, each name
 * with its server's; `when-needed`, only contested ones; `never`, contested ones are not shown at all.
 */
export type Naming = 'transparent' | 'federated' | 'when-needed' | 'never';

const NO_NAMES: Contested = new Map();

/** By what is declared: names must not change when one of two servers is away. */
export function namingOf(route: Pick<RouteConfig, 'servers' | 'prefix'> | undefined): Naming {
  if (!route) return 'federated';
  const { servers, prefix = servers.length === 1 ? 'never' : 'always' } = route;
  if (prefix === 'always') return 'federated';
  return servers.length === 1 ? 'transparent' : prefix;
}

/**
 * The names of one endpoint. A function of the pinned definitions of all its servers: the same whoever asks, in whatever order
 * servers came, and while any of them is away. So no server can take over the name under which another's item is shown.
 */
export class RouteNames {
  private readonly known = new Map<OfferKind, Contested>();
  private readonly uris = new Map<ServerView, ReadonlySet<unknown>>();
  private heads: { readonly owners: ReadonlyMap<string, string>; readonly lengths: readonly number[] } | undefined;

  constructor(
    readonly naming: Naming,
    private readonly servers: readonly ServerView[],
  ) {}

  /** The name under which an item is shown; `undefined`: not at all. */
  shown(kind: OfferKind, server: ServerView, target: string): string | undefined {
    if (this.naming === 'never' && this.contested(kind).has(target)) return undefined;
    // The files of a skill are resources: its own URI must lead there too.
    if (kind === 'skills') return this.shownUri(server, target);
    return this.naming === 'federated' || this.contested(kind).has(target) ? prefixed(kind, server.config.name, target) : target;
  }

  /** The URI by which clients read what a server calls `uri`, listed or not: what leads nowhere by itself carries the server. */
  shownUri(server: ServerView, uri: string): string {
    if (this.naming === 'transparent') return uri;
    if (this.naming === 'federated') return federatedUri(server.config.name, uri);
    const isBare = this.listed(server).has(uri) ? !this.contested('resources').has(uri) : this.ownerOf(uri) === server.config.name && !this.servers.some(({ config }) => config.name === splitUri(uri)?.server);
    return isBare ? uri : federatedUri(server.config.name, uri);
  }

  private listed(server: ServerView): ReadonlySet<unknown> {
    let uris = this.uris.get(server);
    if (!uris) {
      uris = new Set(itemsOf(server, 'resources').map((item) => item['uri']));
      this.uris.set(server, uris);
    }
    return uris;
  }

  /** The server whose templates alone can have made a URI that no list names; only where names go without their server's. */
  ownerOf(uri: string): string | undefined {
    this.heads ??= this.readHeads();
    for (const length of this.heads.lengths) {
      if (length > uri.length) return undefined;
      const owner = this.heads.owners.get(uri.slice(0, length));
      if (owner !== undefined) return owner;
    }
    return undefined;
  }

  /** Names of a kind that more than one server claims; none where all names are prefixed or only one server is. */
  contested(kind: OfferKind): Contested {
    if (this.naming === 'transparent' || this.naming === 'federated') return NO_NAMES;
    let contested = this.known.get(kind);
    if (!contested) {
      contested = this.contest(kind);
      this.known.set(kind, contested);
    }
    return contested;
  }

  private contest(kind: OfferKind): Contested {
    switch (kind) {
      case 'tools':
      case 'prompts':
        return contestedNames(this.published(kind));
      case 'resources':
      case 'skills':
        return contestedUris(this.published(kind));
      case 'resourceTemplates':
        return contestedTemplates(this.published(kind), this.published('resources'));
    }
  }

  private published(kind: OfferKind): readonly Published[] {
    return this.servers.map((server) => ({ server: server.config.name, names: itemsOf(server, kind).map((item) => targetOf(kind, item)) }));
  }

  private readHeads(): NonNullable<RouteNames['heads']> {
    const owners = new Map<string, string>();
    for (const { server, names } of this.published('resourceTemplates')) {
      for (const template of names) if (!this.contested('resourceTemplates').has(template)) owners.set(templateHead(template), server);
    }
    const lengths = [...new Set([...owners.keys()].map((head) => head.length))].sort((a, b) => a - b);
    return { owners, lengths };
  }
}

function prefixed(kind: OfferKind, server: string, target: string): string {
  return kind === 'tools' || kind === 'prompts' ? federatedName(server, target) : federatedUri(server, target);
}
