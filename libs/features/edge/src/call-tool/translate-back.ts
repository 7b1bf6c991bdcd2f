import { federatedUri, isObject, META_SERVER_INFO, metaOf, toLegacyError, toLegacyResult, toModernError, toModernResult, type JsonObject, type RpcError } from '@mcpgw/core-mcp-wire';
import type { Era } from '@mcpgw/contracts';
import type { Endpoint } from '../catalog/endpoint.js';
import { SERVER_INFO } from '../requests/server-info.js';
import type { GovernedMethod, Wanted } from './wanted.js';

/** An upstream's result in the names that the endpoint shows and the words of the caller's era. */
export function resultFor(era: Era, method: GovernedMethod, endpoint: Endpoint, wanted: Wanted, result: JsonObject): JsonObject {
  const renamed = endpoint.naming === 'transparent' ? result : renameUris(method, result, wanted.destination.server.config.name);
  if (era === 'legacy') return wanted.destination.server.definition?.era === 'modern' ? toLegacyResult(renamed) : renamed;
  const modern = toModernResult(method, renamed);
  return { ...modern, _meta: { [META_SERVER_INFO]: SERVER_INFO, ...metaOf(modern) } };
}

export function errorFor(era: Era, method: GovernedMethod, error: RpcError, params: JsonObject): RpcError {
  return era === 'modern' ? toModernError(error, params) : toLegacyError(method, error);
}

/** Wherever a result names a resource of its server, it does so under the name by which our clients can read it. */
function renameUris(method: GovernedMethod, result: JsonObject, server: string): JsonObject {
  switch (method) {
    case 'tools/call':
      return Array.isArray(result['content']) ? { ...result, content: result['content'].map((item: unknown) => renameContent(item, server)) } : result;
    case 'prompts/get':
      return Array.isArray(result['messages']) ? { ...result, messages: result['messages'].map((message: unknown) => (isObject(message) ? { ...message, content: renameContent(message['content'], server) } : message)) } : result;
    case 'resources/read':
      return Array.isArray(result['contents']) ? { ...result, contents: result['contents'].map((item: unknown) => renameUri(item, server)) } : result;
    case 'completion/complete':
      return result;
  }
}

function renameContent(content: unknown, server: string): unknown {
  if (!isObject(content)) return content;
  if (content['type'] === 'resource_link') return renameUri(content, server);
  if (content['type'] === 'resource') return { ...content, resource: renameUri(content['resource'], server) };
  return content;
}

function renameUri(item: unknown, server: string): unknown {
  return isObject(item) && typeof item['uri'] === 'string' ? { ...item, uri: federatedUri(server, item['uri']) } : item;
}
