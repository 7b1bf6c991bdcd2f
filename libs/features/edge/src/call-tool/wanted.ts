import type { PolicyAction } from '@mcpgw/contracts';
import { isObject, quote, type JsonObject } from '@mcpgw/core-mcp-wire';
import type { Destination, Endpoint } from '../catalog/endpoint.js';

export const GOVERNED_METHODS = ['tools/call', 'resources/read', 'prompts/get', 'completion/complete'] as const;
export type GovernedMethod = (typeof GOVERNED_METHODS)[number];

export function isGoverned(method: string): method is GovernedMethod {
  return (GOVERNED_METHODS as readonly string[]).includes(method);
}

/** What a request wants of which server, in that server's own names. */
export interface Wanted {
  readonly action: PolicyAction;
  readonly destination: Destination;
  readonly arguments: JsonObject;
  /** Params for the upstream. */
  readonly params: JsonObject;
}

/** `absent`: no such thing here, the words being the same as for one that the caller may not see. */
export type Resolution = { readonly wanted: Wanted } | { readonly malformed: string } | { readonly absent: Absent };

export interface Absent {
  readonly message: string;
  /** Set when it is a resource that is missing. */
  readonly uri?: string;
}

/** Longest name or URI that is looked up: it has to fit an audit entry. */
const MAX_TARGET_CHARACTERS = 4_096;
const NO_ARGUMENTS: JsonObject = {};

/** Reads the params of a governed method and finds where they lead. */
export function resolve(method: GovernedMethod, params: JsonObject, endpoint: Endpoint): Resolution {
  switch (method) {
    case 'tools/call':
      return named(params, endpoint, 'tools');
    case 'prompts/get':
      return named(params, endpoint, 'prompts');
    case 'resources/read':
      return resource(params, endpoint);
    case 'completion/complete':
      return completion(params, endpoint);
  }
}

/** The words for a thing that isn't there, or isn't there for this caller. */
export function absentOf(method: GovernedMethod, params: JsonObject): Absent {
  const reference = method === 'completion/complete' && isObject(params['ref']) ? params['ref'] : params;
  const { name, uri } = reference;
  if (typeof uri === 'string') return { message: `Unknown resource: ${quote(uri)}`, uri };
  return { message: `Unknown ${method === 'tools/call' ? 'tool' : 'prompt'}: ${quote(String(name))}` };
}

function named(params: JsonObject, endpoint: Endpoint, kind: 'tools' | 'prompts'): Resolution {
  const { name, arguments: given = NO_ARGUMENTS } = params;
  if (!isTarget(name)) return { malformed: '"name" must be a string' };
  if (!isObject(given)) return { malformed: '"arguments" must be an object' };
  const destination = endpoint.find(kind, name);
  if (!destination) return { absent: absentOf(kind === 'tools' ? 'tools/call' : 'prompts/get', params) };
  return { wanted: { action: kind === 'tools' ? 'tools/call' : 'prompts/get', destination, arguments: given, params: name === destination.target ? params : { ...params, name: destination.target } } };
}

function resource(params: JsonObject, endpoint: Endpoint): Resolution {
  const { uri } = params;
  if (!isTarget(uri)) return { malformed: `"uri" must be a string of at most ${MAX_TARGET_CHARACTERS} characters` };
  const destination = endpoint.findResource(uri);
  if (!destination) return { absent: absentOf('resources/read', params) };
  return { wanted: { action: 'resources/read', destination, arguments: NO_ARGUMENTS, params: uri === destination.target ? params : { ...params, uri: destination.target } } };
}

/** Completing an argument shows values of the prompt or resource that it belongs to: so it needs what using that needs. */
function completion(params: JsonObject, endpoint: Endpoint): Resolution {
  const { ref } = params;
  if (!isObject(ref)) return { malformed: '"ref" must be an object' };
  if (ref['type'] === 'ref/prompt' && isTarget(ref['name'])) {
    const destination = endpoint.find('prompts', ref['name']);
    if (!destination) return { absent: absentOf('completion/complete', params) };
    return { wanted: { action: 'prompts/get', destination, arguments: NO_ARGUMENTS, params: { ...params, ref: { ...ref, name: destination.target } } } };
  }
  if (ref['type'] === 'ref/resource' && isTarget(ref['uri'])) {
    const destination = endpoint.findResource(ref['uri'], 'resourceTemplates');
    if (!destination) return { absent: absentOf('completion/complete', params) };
    return { wanted: { action: 'resources/read', destination, arguments: NO_ARGUMENTS, params: { ...params, ref: { ...ref, uri: destination.target } } } };
  }
  return { malformed: '"ref" must be {"type": "ref/prompt", "name"} or {"type": "ref/resource", "uri"}' };
}

function isTarget(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= MAX_TARGET_CHARACTERS;
}
