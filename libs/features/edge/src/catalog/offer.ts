import type { PolicyAction, ServerDefinition, ServerView } from '@mcpgw/contracts';

export type OfferKind = 'tools' | 'prompts' | 'resources' | 'resourceTemplates' | 'skills';

/** One listed item of one server, as an endpoint shows it. */
export interface Offer {
  readonly kind: OfferKind;
  readonly server: ServerView;
  /** The server's own tool or prompt name, resource or skill URI, or template. */
  readonly target: string;
  /** The same as the endpoint's clients see it. */
  readonly shown: string;
  /** The server's own definition, whole. */
  readonly definition: Readonly<Record<string, unknown>>;
  /** The definition as clients see it, as JSON text. */
  readonly text: string;
}

export const KEY_OF = { tools: 'name', prompts: 'name', resources: 'uri', resourceTemplates: 'uriTemplate', skills: 'uri' } as const satisfies Record<OfferKind, string>;

/** Skills are seen by who may ask for one: then the policy's target is the method. */
export const GET_SKILL = 'skills/get';

/** What the policy is asked about an offer. */
export function questionOf({ kind, target }: { readonly kind: OfferKind; readonly target: string }): { readonly action: PolicyAction; readonly target: string } {
  switch (kind) {
    case 'tools':
      return { action: 'tools/call', target };
    case 'prompts':
      return { action: 'prompts/get', target };
    case 'resources':
    case 'resourceTemplates':
      return { action: 'resources/read', target };
    case 'skills':
      return { action: 'extensions/call', target: GET_SKILL };
  }
}

/** All that a server's pinned definition has of a kind; nothing while it has never been discovered. */
export function itemsOf(server: ServerView, kind: OfferKind): readonly Readonly<Record<string, unknown>>[] {
  return server.definition?.[kind satisfies keyof ServerDefinition] ?? [];
}

export function targetOf(kind: OfferKind, definition: Readonly<Record<string, unknown>>): string {
  return String(definition[KEY_OF[kind]]);
}

/** Serialises once, on the first list that shows it: the same object stands in the lists of all who may see it. */
export class NamedOffer implements Offer {
  private serialised: string | undefined;

  constructor(
    readonly kind: OfferKind,
    readonly server: ServerView,
    readonly target: string,
    readonly shown: string,
    readonly definition: Readonly<Record<string, unknown>>,
    private readonly render: (offer: Offer) => Readonly<Record<string, unknown>>,
  ) {}

  get text(): string {
    this.serialised ??= JSON.stringify(this.render(this));
    return this.serialised;
  }
}
