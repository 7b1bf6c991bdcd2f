import { isObject, META_SERVER_INFO, metaOf, toLegacyError, toLegacyResult, toModernError, toModernResult, type JsonObject, type RpcError } from '@mcpgw/core-mcp-wire';
import type { Era, ServerView } from '@mcpgw/contracts';
import type { Endpoint } from '../catalog/endpoint.js';
import { shownAppLink, shownSkill } from '../catalog/shown-definition.js';
import { SERVER_INFO } from '../requests/server-info.js';
import type { GovernedMethod, Wanted } from './wanted.js';

/** An upstream's result in the names that the endpoint shows and the words of the caller's era. */
export function resultFor(era: Era, method: GovernedMethod, endpoint: Endpoint, wanted: Wanted, result: JsonObject): JsonObject {
  const renamed = renameUris(method, result, namesFor(endpoint, wanted.destination.server));
  if (era === 'legacy') return wanted.destination.server.definition?.era === 'modern' ? toLegacyResult(renamed) : renamed;
  return modernResult(method, renamed);
}

/** A result that the gateway made itself, in the words of the caller's era. */
export function ownResult(era: Era, method: string, result: JsonObject): JsonObject {
  return era === 'legacy' ? result : modernResult(method, result);
}

function modernResult(method: string, result: JsonObject): JsonObject {
  const modern = toModernResult(method, result);
  return { ...modern, _meta: { [META_SERVER_INFO]: SERVER_INFO, ...metaOf(modern) } };
}

export function errorFor(era: Era, method: GovernedMethod, error: RpcError, params: JsonObject): RpcError {
  return era === 'modern' ? toModernError(error, params) : toLegacyError(method, error);
}

interface Names {
  /** As our clients can read it. */
  readonly shownUri: (uri: string) => string;
  /** A resource without what its app may not use. */
  readonly cut: (item: JsonObject) => JsonObject;
  readonly renames: boolean;
}

function namesFor(endpoint: Endpoint, server: ServerView): Names {
  return { shownUri: (uri) => endpoint.shownUri(server, uri), cut: (item) => endpoint.domains.cut(server, item), renames: endpoint.naming !== 'transparent' };
}

/** Wherever a result names a resource of its server, it does so under the name by which our clients can read it. */
function renameUris(method: GovernedMethod, result: JsonObject, names: Names): JsonObject {
  switch (method) {
    case 'tools/call':
      return renameCall(result, names);
    case 'prompts/get':
      return Array.isArray(result['messages']) && names.renames ? { ...result, messages: result['messages'].map((message: unknown) => (isObject(message) ? { ...message, content: renameContent(message['content'], names) } : message)) } : result;
    case 'resources/read':
      return Array.isArray(result['contents']) ? { ...result, contents: result['contents'].map((item: unknown) => renameUri(item, names)) } : result;
    case 'completion/complete':
      return result;
    case 'skills/get':
      return isObject(result['skill']) && names.renames ? { ...result, skill: shownSkill(result['skill'], names.shownUri) } : result;
    case 'resources/directory/read':
      return Array.isArray(result['resources']) && names.renames ? { ...result, resources: result['resources'].map((item: unknown) => renameUri(item, names)) } : result;
    default:
      return result;
  }
}

function renameCall(result: JsonObject, names: Names): JsonObject {
  const linked = names.renames ? shownAppLink(result, names.shownUri) : result;
  const { content } = linked;
  return Array.isArray(content) && (names.renames || content.some(isEmbedded)) ? { ...linked, content: content.map((item: unknown) => renameContent(item, names)) } : linked;
}

function isEmbedded(content: unknown): boolean {
  return isObject(content) && content['type'] === 'resource';
}

function renameContent(content: unknown, names: Names): unknown {
  if (!isObject(content)) return content;
  if (content['type'] === 'resource_link') return renameUri(content, names);
  if (content['type'] === 'resource') return { ...content, resource: renameUri(content['resource'], names) };
  return content;
}

function renameUri(item: unknown, names: Names): unknown {
  if (!isObject(item)) return item;
  const cut = names.cut(item);
  return names.renames && typeof cut['uri'] === 'string' ? { ...cut, uri: names.shownUri(cut['uri']) } : cut;
}
