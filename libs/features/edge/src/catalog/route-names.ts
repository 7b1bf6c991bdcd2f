import { contestedNames, contestedTemplates, contestedUris, federatedName, federatedUri, skillRoot, skillTemplate, splitUri, templateHead, type Contested, type Published } from '@mcpgw/core-mcp-wire';
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
  /** Folder of a skill -> its URI. */
  private readonly roots = new Map<ServerView, ReadonlyMap<string, string>>();
  private heads: { readonly owners: ReadonlyMap<string, string>; readonly lengths: readonly number[] } | undefined;

  constructor(
    readonly naming: Naming,
    private readonly servers: readonly ServerView[],
  ) {}

  /** The name under which an item is shown; `undefined`: not at all. */
  shown(kind: OfferKind, server: ServerView, target: string): string | undefined {
    if (this.naming === 'transparent') return target;
    const isContested = this.isContested(kind, server, target);
    if (isContested && this.naming === 'never') return undefined;
    return this.naming === 'federated' || isContested ? prefixed(kind, server.config.name, target) : target;
  }

  /** The URI by which clients read what a server calls `uri`, listed or not: what leads nowhere by itself carries the server. */
  shownUri(server: ServerView, uri: string): string {
    if (this.naming === 'transparent') return uri;
    if (this.naming === 'federated') return federatedUri(server.config.name, uri);
    const isKnown = this.listed(server).has(uri) || this.skillOf(server, uri) !== undefined;
    const isBare = isKnown ? !this.isContested('resources', server, uri) : this.ownerOf(uri) === server.config.name && !this.looksPrefixed(uri);
    return isBare ? uri : federatedUri(server.config.name, uri);
  }

  private looksPrefixed(uri: string): boolean {
    const server = splitUri(uri)?.server;
    return server !== undefined && this.servers.some(({ config }) => config.name === server);
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

  /** Files of a skill go as the skill does, whatever else is said of them: hosts want all of them in one folder. */
  private isContested(kind: OfferKind, server: ServerView, target: string): boolean {
    if (this.naming === 'federated') return false;
    const skill = kind === 'resources' || kind === 'skills' ? this.skillOf(server, target) : undefined;
    return skill === undefined ? this.contested(kind).has(target) : this.contested('skills').has(skill);
  }

  private contest(kind: OfferKind): Contested {
    switch (kind) {
      case 'tools':
      case 'prompts':
        return contestedNames(this.published(kind));
      case 'resources':
        return contestedUris(this.published(kind));
      case 'resourceTemplates':
        return contestedTemplates([...this.published(kind), ...this.published('skills').map(({ server, names }) => ({ server, names: names.map(skillTemplate) }))], this.published('resources'));
      case 'skills': {
        const templates = this.contested('resourceTemplates');
        const uris = new Set(this.published(kind).flatMap(({ names }) => names));
        return new Map([...uris].flatMap((uri) => (templates.has(skillTemplate(uri)) ? [[uri, templates.get(skillTemplate(uri)) ?? []]] : [])));
      }
    }
  }

  private published(kind: OfferKind): readonly Published[] {
    return this.servers.map((server) => ({ server: server.config.name, names: itemsOf(server, kind).map((item) => targetOf(kind, item)) }));
  }

  /** The URI of the server's skill in whose folder a URI is; of nested ones the outermost. */
  private skillOf(server: ServerView, uri: string): string | undefined {
    let roots = this.roots.get(server);
    if (!roots) {
      roots = new Map(itemsOf(server, 'skills').map((item) => [skillRoot(targetOf('skills', item)), targetOf('skills', item)]));
      this.roots.set(server, roots);
    }
    let skill: string | undefined;
    if (roots.size > 0) for (let end = uri.length; end > 0; end = uri.lastIndexOf('/', end - 1)) skill = roots.get(uri.slice(0, end)) ?? skill;
    return skill;
  }

  private readHeads(): NonNullable<RouteNames['heads']> {
    const owners = new Map<string, string>();
    const contested = this.contested('resourceTemplates');
    for (const server of this.servers) {
      const templates = [...itemsOf(server, 'resourceTemplates').map((item) => targetOf('resourceTemplates', item)), ...itemsOf(server, 'skills').map((item) => skillTemplate(targetOf('skills', item)))];
      for (const template of templates) if (!contested.has(template)) owners.set(templateHead(template), server.config.name);
    }
    const lengths = [...new Set([...owners.keys()].map((head) => head.length))].sort((a, b) => a - b);
    return { owners, lengths };
  }
}

function prefixed(kind: OfferKind, server: string, target: string): string {
  return kind === 'tools' || kind === 'prompts' ? federatedName(server, target) : federatedUri(server, target);
}
