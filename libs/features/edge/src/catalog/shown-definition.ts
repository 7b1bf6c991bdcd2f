import type { ServerView } from '@mcpgw/contracts';
import { isObject, type JsonObject } from '@mcpgw/core-mcp-wire';
import type { AppDomains } from './app-domains.js';
import { KEY_OF, type Offer } from './offer.js';

/** How URIs of a server are shown, and what its apps may do. */
export interface Rendering {
  readonly shownUri: (server: ServerView, uri: string) => string;
  readonly domains: AppDomains;
}

/** A definition under its shown name, with every URI in it that its server's clients would follow. Whatever else it holds stays as it is. */
export function shownDefinition({ kind, server, shown, definition }: Offer, rendering: Rendering): JsonObject {
  const named = { ...definition, [KEY_OF[kind]]: shown };
  switch (kind) {
    case 'tools':
      return rendering.domains.cut(server, shownAppLink(named, (uri) => rendering.shownUri(server, uri)));
    case 'resources':
    case 'resourceTemplates':
      return rendering.domains.cut(server, named);
    case 'skills':
      return { ...shownSkill(definition, (uri) => rendering.shownUri(server, uri)), uri: shown };
    case 'prompts':
      return named;
  }
}

/** A skill with the URIs of its files; digests are of the files' content, which is passed as it is, and stay. */
export function shownSkill(skill: JsonObject, shownUri: (uri: string) => string): JsonObject {
  const { uri, resources } = skill;
  return {
    ...skill,
    ...(typeof uri === 'string' ? { uri: shownUri(uri) } : {}),
    ...(Array.isArray(resources) ? { resources: resources.map((file: unknown) => (isObject(file) && typeof file['uri'] === 'string' ? { ...file, uri: shownUri(file['uri']) } : file)) } : {}),
  };
}

/** The link to an app from a tool or its result (MCP Apps): `_meta.ui.resourceUri`, and the flat key of older hosts. */
export function shownAppLink(tool: JsonObject, shownUri: (uri: string) => string): JsonObject {
  const meta = tool['_meta'];
  if (!isObject(meta)) return tool;
  const { ui } = meta;
  const flat = meta['ui/resourceUri'];
  const nested = isObject(ui) ? ui['resourceUri'] : undefined;
  if (typeof flat !== 'string' && typeof nested !== 'string') return tool;
  return {
    ...tool,
    _meta: {
      ...meta,
      ...(typeof nested === 'string' ? { ui: { ...(ui as JsonObject), resourceUri: shownUri(nested) } } : {}),
      ...(typeof flat === 'string' ? { 'ui/resourceUri': shownUri(flat) } : {}),
    },
  };
}
