import { splitUri } from './names.js';

/** What one server of a route offers of one kind: names of tools or prompts, URIs of resources, or URI templates. */
export interface Published {
  readonly server: string;
  readonly names: readonly string[];
}

/** Shown name -> the servers that claim it, sorted. Always two or more, or one whose name looks like another's prefixed one. */
export type Contested = ReadonlyMap<string, readonly string[]>;

const NONE: Contested = new Map();

/**
 * Names of tools or prompts that can't stand without their server's: two servers have them, or they begin as the prefixed
 * names of a server of the same route do. A function of what is published alone: neither the order of the servers nor who
 * is away at the moment changes it.
 */
export function contestedNames(published: readonly Published[]): Contested {
  const owners = ownersOf(published);
  const servers = new Set(published.map(({ server }) => server));
  return contested(owners, (name) => {
    const end = name.indexOf('__');
    return end > 0 && servers.has(name.slice(0, end)) ? name.slice(0, end) : undefined;
  });
}

/** The same for the URIs of resources. */
export function contestedUris(published: readonly Published[]): Contested {
  const servers = new Set(published.map(({ server }) => server));
  return contested(ownersOf(published), (uri) => {
    const server = splitUri(uri)?.server;
    return server !== undefined && servers.has(server) ? server : undefined;
  });
}

/** The text of a URI template up to its first expression: a template owns all URIs that begin with it. */
export function templateHead(template: string): string {
  const brace = template.indexOf('{');
  return brace === -1 ? template : template.slice(0, brace);
}

/** The folder of a skill, by the URI of its `SKILL.md`. */
export function skillRoot(uri: string): string {
  return uri.slice(0, Math.max(0, uri.lastIndexOf('/')));
}

/** Skills as the templates that they are: all that is in a skill's folder belongs to it, and its name must hold for all of it. */
export function skillTemplate(uri: string): string {
  return `${skillRoot(uri)}{+file}`;
}

interface Place {
  readonly head: string;
  readonly server: string;
  /** Those of the server that begin with this head; none: the URI of a resource. */
  readonly templates: readonly string[];
}

/**
 * URI templates that can't stand without their server: what one of them makes could be a URI of another server, because its
 * head begins a URI or the head of a template there, or the other way round.
 */
export function contestedTemplates(templates: readonly Published[], uris: readonly Published[]): Contested {
  const found = new Map<string, Set<string>>();
  const claim = (names: readonly string[], servers: readonly string[]): void => {
    for (const name of names) {
      const claims = found.get(name) ?? new Set();
      for (const server of servers) claims.add(server);
      found.set(name, claims);
    }
  };
  const open: Place[] = [];
  for (const place of placesOf(templates, uris)) {
    while (open.length > 0 && !place.head.startsWith((open.at(-1) as Place).head)) open.pop();
    for (const outer of open) if (outer.server !== place.server) claim([...outer.templates, ...place.templates], [outer.server, place.server]);
    if (place.templates.length > 0) open.push(place);
  }
  for (const [template, servers] of contestedUris(templates)) claim([template], servers);
  return sortedClaims(found);
}

/** Sorted: whatever begins with a head comes right after it, and templates before an equal URI. */
function placesOf(templates: readonly Published[], uris: readonly Published[]): readonly Place[] {
  const places: Place[] = uris.flatMap(({ server, names }) => names.map((uri) => ({ head: uri, server, templates: [] })));
  for (const { server, names } of templates) {
    const byHead = new Map<string, string[]>();
    for (const template of names) {
      const head = templateHead(template);
      const same = byHead.get(head);
      if (same) same.push(template);
      else byHead.set(head, [template]);
    }
    for (const [head, same] of byHead) places.push({ head, server, templates: same });
  }
  return places.sort((a, b) => (a.head < b.head ? -1 : a.head > b.head ? 1 : Number(a.templates.length === 0) - Number(b.templates.length === 0)));
}

function ownersOf(published: readonly Published[]): ReadonlyMap<string, ReadonlySet<string>> {
  const owners = new Map<string, Set<string>>();
  for (const { server, names } of published) {
    for (const name of names) {
      const own = owners.get(name);
      if (own) own.add(server);
      else owners.set(name, new Set([server]));
    }
  }
  return owners;
}

/** `reservedFor`: the server whose prefixed names look like this one. */
function contested(owners: ReadonlyMap<string, ReadonlySet<string>>, reservedFor: (name: string) => string | undefined): Contested {
  const found = new Map<string, Set<string>>();
  for (const [name, servers] of owners) {
    const reserved = reservedFor(name);
    if (servers.size > 1 || reserved !== undefined) found.set(name, new Set(reserved === undefined ? servers : [...servers, reserved]));
  }
  return sortedClaims(found);
}

function sortedClaims(found: ReadonlyMap<string, ReadonlySet<string>>): Contested {
  return found.size === 0 ? NONE : new Map([...found].map(([name, servers]) => [name, [...servers].sort()]));
}
