import { createHash } from 'node:crypto';
import type { Principal } from '../authn/principal.js';
import type { Endpoint } from '../catalog/endpoint.js';
import { questionOf, type Offer, type OfferKind } from '../catalog/offer.js';
import type { PolicyPort } from '../ports.js';
import { SEARCH_LIST } from '../tool-search/search-tools.js';
import { Lru } from './lru.js';

/** Items and characters of one page. Large on purpose: clients that ask for one page only would miss the rest without a word. */
const PAGE_ITEMS = 5_000;
const PAGE_CHARACTERS = 4_194_304;
const CACHE_CHARACTERS = 67_108_864;
/** What a list weighs besides its text: keys, offers, the maps around them. */
const LIST_OVERHEAD = 2_048;

export interface Page {
  /** JSON text of the items, without brackets. */
  readonly items: string;
  readonly nextCursor: string | undefined;
}

/** What one set of roles sees of one kind at one endpoint; already serialised. `instead`: what is shown in its place. */
export class VisibleList {
  readonly fingerprint: string;
  readonly characters: number;
  private readonly first: Page;

  constructor(
    readonly offers: readonly Offer[],
    private readonly instead?: string,
  ) {
    const hash = createHash('sha256');
    for (const text of instead === undefined ? offers.map((offer) => offer.text) : [instead]) hash.update(text).update('\n');
    this.fingerprint = hash.digest('base64url');
    this.first = instead === undefined ? this.pageFrom(0) : { items: instead, nextCursor: undefined };
    this.characters = this.first.items.length;
  }

  /** The page after a cursor; `undefined` for a cursor that we never made. Cursors name the last item seen, so lists may change between pages. */
  page(cursor: string | undefined): Page | undefined {
    if (cursor === undefined) return this.first;
    const after = decodeCursor(cursor);
    if (after === undefined || this.instead !== undefined) return undefined;
    const from = this.offers.findIndex((offer) => offer.shown > after);
    return from === -1 ? { items: '', nextCursor: undefined } : this.pageFrom(from);
  }

  private pageFrom(from: number): Page {
    const texts: string[] = [];
    let characters = 0;
    let at = from;
    for (; at < this.offers.length && texts.length < PAGE_ITEMS; at++) {
      const { text } = this.offers[at] as Offer;
      if (texts.length > 0 && characters + text.length > PAGE_CHARACTERS) break;
      characters += text.length + 1;
      texts.push(text);
    }
    return { items: texts.join(','), nextCursor: at < this.offers.length ? encodeCursor((this.offers[at - 1] as Offer).shown) : undefined };
  }
}

const CURSOR_PREFIX = 'after:';

function encodeCursor(shown: string): string {
  return Buffer.from(CURSOR_PREFIX + shown).toString('base64url');
}

function decodeCursor(cursor: string): string | undefined {
  const text = Buffer.from(cursor, 'base64url').toString('utf8');
  return text.startsWith(CURSOR_PREFIX) ? text.slice(CURSOR_PREFIX.length) : undefined;
}

/**
 * The lists that principals see: what they might ever be allowed to use, and nothing else. Kept by endpoint revision, bundle
 * digest and roles, so a change of either shows at once and nobody meets another's list.
 */
export class VisibleLists {
  private readonly cache = new Lru<VisibleList>(CACHE_CHARACTERS);

  constructor(private readonly policy: PolicyPort) {}

  list(principal: Principal, endpoint: Endpoint, kind: OfferKind): VisibleList {
    const digest = this.policy.digest(principal.organization);
    const key = `${endpoint.id} ${kind} ${digest ?? ''} ${principal.roles.join(',')}`;
    const known = this.cache.get(key);
    if (known) return known;
    const { organization, roles } = principal;
    const offers = [...endpoint.offers(kind).values()].filter((offer) => {
      const { action, target } = questionOf(offer);
      return this.policy.mayEver(organization, roles, action, offer.server.config.name, target);
    });
    const list = new VisibleList(offers, kind === 'tools' && endpoint.toolSearch ? SEARCH_LIST : undefined);
    this.cache.set(key, list, list.characters + LIST_OVERHEAD);
    return list;
  }
}
