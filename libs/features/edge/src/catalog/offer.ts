import { federatedName, federatedUri } from '@mcpgw/core-mcp-wire';
import type { PolicyAction, ServerDefinition, ServerView } from '@mcpgw/contracts';

export type OfferKind = 'tools' | 'prompts' | 'resources' | 'resourceTemplates';

/** One listed item of one server, as an endpoint shows it. */
export interface Offer {
  readonly kind: OfferKind;
  readonly server: ServerView;
  /** The server's own tool or prompt name, resource URI or template. */
  readonly target: string;
  /** The same as the endpoint's clients see it. */
  readonly shown: string;
  /** The server's own definition, whole. */
  readonly definition: Readonly<Record<string, unknown>>;
  /** The definition under the shown name, as JSON text. */
  readonly text: string;
}

/** `transparent`: one server, its own names. `federated`: many, each name behind its server's. */
export type Naming = 'transparent' | 'federated';

export const ACTION_OF: Readonly<Record<OfferKind, PolicyAction>> = { tools: 'tools/call', prompts: 'prompts/get', resources: 'resources/read', resourceTemplates: 'resources/read' };

const KEY_OF = { tools: 'name', prompts: 'name', resources: 'uri', resourceTemplates: 'uriTemplate' } as const satisfies Record<OfferKind, string>;

/** All that a server's pinned definition offers of a kind; nothing while it has never been discovered. */
export function offersOf(server: ServerView, kind: OfferKind, naming: Naming): readonly Offer[] {
  const items: readonly Record<string, unknown>[] = server.definition?.[kind satisfies keyof ServerDefinition] ?? [];
  return items.map((definition) => new NamedOffer(kind, server, definition, naming));
}

/** Serialises once, on the first list that shows it: the same object stands in the lists of all who may see it. */
class NamedOffer implements Offer {
  readonly target: string;
  readonly shown: string;
  private serialised: string | undefined;

  constructor(
    readonly kind: OfferKind,
    readonly server: ServerView,
    readonly definition: Readonly<Record<string, unknown>>,
    naming: Naming,
  ) {
    this.target = String(definition[KEY_OF[kind]]);
    this.shown = naming === 'transparent' ? this.target : shownName(kind, server.config.name, this.target);
  }

  get text(): string {
    this.serialised ??= JSON.stringify({ ...this.definition, [KEY_OF[this.kind]]: this.shown });
    return this.serialised;
  }
}

function shownName(kind: OfferKind, server: string, target: string): string {
  return kind === 'tools' || kind === 'prompts' ? federatedName(server, target) : federatedUri(server, target);
}
