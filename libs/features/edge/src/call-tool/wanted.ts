import type { PolicyAction } from '@mcpgw/contracts';
import { isObject, quote, type JsonObject } from '@mcpgw/core-mcp-wire';
import type { Destination, Endpoint } from '../catalog/endpoint.js';
import { hasSkills, passesOn, SKILL_METHODS } from '../catalog/extensions.js';
import { CALL_TOOL, SEARCH_TOOLS } from '../tool-search/search-tools.js';

export const GOVERNED_METHODS = ['tools/call', 'resources/read', 'prompts/get', 'completion/complete'] as const;
type CoreMethod = (typeof GOVERNED_METHODS)[number];

declare const extension: unique symbol;
/** A method that an extension adds and that an endpoint passes on to its server. */
export type ExtensionMethod = string & { readonly [extension]: true };
export type GovernedMethod = CoreMethod | ExtensionMethod;

export function isGoverned(method: string): method is CoreMethod {
  return (GOVERNED_METHODS as readonly string[]).includes(method);
}

/** The method of a request that goes to a server; `undefined` when the gateway answers it by itself. */
export function governedMethod({ method, params }: { readonly method: string; readonly params?: JsonObject | undefined }, endpoint: Endpoint): GovernedMethod | undefined {
  if (isGoverned(method)) return method === 'tools/call' && endpoint.toolSearch && params?.['name'] === SEARCH_TOOLS ? undefined : method;
  return passesOn(endpoint, method) ? (method as ExtensionMethod) : undefined;
}

/** What a request wants of which server, in that server's own names. */
export interface Wanted {
  readonly action: PolicyAction;
  readonly destination: Destination;
  readonly arguments: JsonObject;
  /** Params for the upstream. */
  readonly params: JsonObject;
  /** Called through `call_tool`: its caller need not know which of its arguments travel as headers. */
  readonly viaSearch?: true;
}

/** `absent`: no such thing here, the words being the same as for one that the caller may not see. */
export type Resolution = { readonly wanted: Wanted } | { readonly malformed: string } | { readonly absent: Absent };

export interface Absent {
  readonly message: string;
  /** Set when it is a resource that is missing. */
  readonly uri?: string;
  /** It is the method itself that is unknown here. */
  readonly isMethod?: true;
}

/** Longest name or URI that is looked up: it has to fit an audit entry. */
const MAX_TARGET_CHARACTERS = 4_096;
const NO_ARGUMENTS: JsonObject = {};

/** Reads the params of a governed method and finds where they lead. */
export function resolve(method: GovernedMethod, params: JsonObject, endpoint: Endpoint): Resolution {
  switch (method) {
    case 'tools/call':
      return endpoint.toolSearch && params['name'] === CALL_TOOL ? throughSearch(params, endpoint) : named(params, endpoint, 'tools');
    case 'prompts/get':
      return named(params, endpoint, 'prompts');
    case 'resources/read':
      return resource(params, endpoint);
    case 'completion/complete':
      return completion(params, endpoint);
    default:
      return ofExtension(method, params, endpoint);
  }
}

/** The words for a thing that isn't there, or isn't there for this caller. */
export function absentOf(method: GovernedMethod, params: JsonObject, wanted?: Wanted): Absent {
  if (wanted?.viaSearch) return absentOf(method, params['arguments'] as JsonObject);
  if (SKILL_METHODS.includes(method)) return absentSkill(params);
  if (!isGoverned(method)) return { message: `Method not found: ${quote(method)}`, isMethod: true };
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

/** `call_tool` of a route with tool search: from here on it is the call of the tool that it names. */
function throughSearch(params: JsonObject, endpoint: Endpoint): Resolution {
  const given = params['arguments'];
  const { name, arguments: inner = NO_ARGUMENTS } = isObject(given) ? given : NO_ARGUMENTS;
  if (!isTarget(name)) return { malformed: `${CALL_TOOL} needs the argument "name", a string` };
  if (!isObject(inner)) return { malformed: `the argument "arguments" of ${CALL_TOOL} must be an object` };
  const resolution = named({ ...params, name, arguments: inner }, endpoint, 'tools');
  return 'wanted' in resolution ? { wanted: { ...resolution.wanted, viaSearch: true } } : resolution;
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

/** The method is what the policy is asked about, its params are the arguments that rules may look at. */
function ofExtension(method: ExtensionMethod, params: JsonObject, endpoint: Endpoint): Resolution {
  const found = SKILL_METHODS.includes(method) ? skillServer(params, endpoint) : { server: endpoint.servers[0], params };
  if ('malformed' in found) return found;
  if (!found.server) return { absent: absentOf(method, params) };
  const { _meta, ...given } = found.params;
  return { wanted: { action: 'extensions/call', destination: { server: found.server, target: method, offer: undefined }, arguments: given, params: found.params } };
}

function skillServer(params: JsonObject, endpoint: Endpoint): { readonly server: Destination['server'] | undefined; readonly params: JsonObject } | { readonly malformed: string } {
  const { uri } = params;
  if (!isTarget(uri)) return { malformed: `"uri" must be a string of at most ${MAX_TARGET_CHARACTERS} characters` };
  const found = endpoint.findResource(uri, 'skills');
  return { server: found && hasSkills(found.server) ? found.server : undefined, params: found && uri !== found.target ? { ...params, uri: found.target } : params };
}

function absentSkill({ uri }: JsonObject): Absent {
  return { message: `Unknown resource: ${quote(String(uri))}`, uri: String(uri) };
}

function isTarget(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= MAX_TARGET_CHARACTERS;
}
