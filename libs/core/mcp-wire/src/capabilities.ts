import type { AskMethod } from '@mcpgw/contracts';
import { isObject, type JsonObject } from './json-rpc.js';

/** Longest JSON text of capabilities that are kept: a legacy client's travel in its session id, which is a header. */
const MAX_CAPABILITIES_CHARACTERS = 2_048;

/** What a client that can be asked nothing declares. One object, so that a call can tell by identity that no ask is possible. */
export const NO_CAPABILITIES: JsonObject = Object.freeze({});

/**
 * Of the ClientCapabilities that a client declared, those that the gateway carries to an upstream: the asks (elicitation with its
 * modes, sampling, roots) and `extensions`. Anything else, and any malformed part, counts as not declared. An elicitation
 * without modes means forms (MCP 2025-11-25, client/elicitation). `roots.listChanged` isn't carried: nobody could send it.
 */
export function carriedCapabilities(declared: unknown): JsonObject {
  if (!isObject(declared)) return NO_CAPABILITIES;
  const { elicitation, sampling, roots, extensions } = declared;
  const asks: Record<string, unknown> = {};
  if (isObject(elicitation)) Object.assign(asks, elicitationModes(elicitation));
  if (isObject(sampling)) asks['sampling'] = flags(sampling, ['context', 'tools']);
  if (isObject(roots)) asks['roots'] = {};
  const carried = isObject(extensions) ? { ...asks, ...boundedExtensions(extensions, asks) } : asks;
  return Object.keys(carried).length === 0 ? NO_CAPABILITIES : carried;
}

function elicitationModes(elicitation: JsonObject): JsonObject {
  const modes = flags(elicitation, ['form', 'url']);
  if (Object.keys(modes).length > 0) return { elicitation: modes };
  return Object.keys(elicitation).length === 0 ? { elicitation: { form: {} } } : {};
}

function flags(value: JsonObject, names: readonly string[]): JsonObject {
  return Object.fromEntries(names.filter((name) => isObject(value[name])).map((name) => [name, {}]));
}

/** As many extensions as fit, in the client's order; the asks come first. */
function boundedExtensions(extensions: JsonObject, asks: JsonObject): JsonObject {
  let left = MAX_CAPABILITIES_CHARACTERS - JSON.stringify(asks).length - '"extensions":{},'.length;
  const kept: [string, unknown][] = [];
  for (const [name, settings] of Object.entries(extensions)) {
    if (!isObject(settings)) continue;
    left -= JSON.stringify(name).length + JSON.stringify(settings).length + 2;
    if (left < 0) break;
    kept.push([name, settings]);
  }
  return kept.length === 0 ? {} : { extensions: Object.fromEntries(kept) };
}

/** Whether a server could ask this client anything at all in the middle of a call. */
export function canBeAsked(capabilities: JsonObject): boolean {
  return 'elicitation' in capabilities || 'sampling' in capabilities || 'roots' in capabilities;
}

/**
 * Whether a server may ask this of a client that declared `capabilities`, by method and by what the params need (MCP 2025-11-25,
 * client/elicitation, client/sampling): a mode of elicitation, tools in sampling.
 */
export function isDeclaredAsk(capabilities: JsonObject, method: string, params: JsonObject | undefined): method is AskMethod {
  switch (method) {
    case 'elicitation/create': {
      const modes = capabilities['elicitation'];
      if (!isObject(modes)) return false;
      const mode = params?.['mode'] ?? 'form';
      if (mode === 'url') return isObject(modes['url']);
      return mode === 'form' && (isObject(modes['form']) || Object.keys(modes).length === 0);
    }
    case 'sampling/createMessage': {
      const sampling = capabilities['sampling'];
      return isObject(sampling) && (isObject(sampling['tools']) || (params?.['tools'] === undefined && params?.['toolChoice'] === undefined));
    }
    case 'roots/list':
      return isObject(capabilities['roots']);
    default:
      return false;
  }
}
