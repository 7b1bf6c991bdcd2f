import type { ServerView } from '@mcpgw/contracts';
import { isObject, type JsonObject } from '@mcpgw/core-mcp-wire';
import type { Endpoint } from './endpoint.js';

export const SKILLS_EXTENSION = 'io.modelcontextprotocol/skills';
/** Those that the gateway understands well enough to carry them on routes of several servers. */
const FEDERATED: readonly string[] = ['io.modelcontextprotocol/tasks', 'io.modelcontextprotocol/ui', SKILLS_EXTENSION];

/** Skills have URIs by which their server is found, so these go on every route (SEP-2640). */
export const SKILL_METHODS: readonly string[] = ['skills/get', 'resources/directory/read'];

/** Methods with a meaning of their own: what the gateway doesn't serve of them is not passed on either. */
const RESERVED = new Set([
  'initialize',
  'ping',
  'server/discover',
  'subscriptions/listen',
  'logging/setLevel',
  'completion/complete',
  'tools/list',
  'tools/call',
  'prompts/list',
  'prompts/get',
  'resources/list',
  'resources/templates/list',
  'resources/read',
  'resources/subscribe',
  'resources/unsubscribe',
  'skills/list',
  'tasks/get',
  'tasks/update',
  'tasks/cancel',
  'tasks/list',
  'tasks/result',
  'elicitation/create',
  'sampling/createMessage',
  'roots/list',
]);
/** Fits the policy and the audit log, and is no notification. */
const METHOD = /^(?!notifications\/|rpc\.)[A-Za-z0-9_$.-]+(\/[A-Za-z0-9_$.-]+){0,8}$/;
const MAX_METHOD_CHARACTERS = 128;

/** `capabilities.extensions` of a server. */
export function extensionsOf(server: ServerView): JsonObject {
  const extensions = server.definition?.capabilities['extensions'];
  return isObject(extensions) ? extensions : {};
}

export function hasSkills(server: ServerView): boolean {
  return Object.hasOwn(extensionsOf(server), SKILLS_EXTENSION);
}

/** What an endpoint advertises: on a transparent route whatever its server does, on others what is known to work there. */
export function advertisedExtensions(endpoint: Endpoint): JsonObject | undefined {
  const found = new Map<string, unknown>();
  for (const server of endpoint.servers) {
    for (const [name, settings] of Object.entries(extensionsOf(server))) {
      if (endpoint.naming !== 'transparent' && !FEDERATED.includes(name)) continue;
      const before = found.get(name);
      found.set(name, isObject(before) && isObject(settings) ? { ...before, ...settings } : settings);
    }
  }
  return found.size === 0 ? undefined : Object.fromEntries([...found].sort(([one], [other]) => (one < other ? -1 : 1)));
}

/** Whether an endpoint passes on a method that the gateway doesn't know: to its only server, if that can be expected to know it. */
export function passesOn(endpoint: Endpoint, method: string): boolean {
  if (SKILL_METHODS.includes(method)) return endpoint.servers.some(hasSkills);
  const [server] = endpoint.servers;
  if (endpoint.naming !== 'transparent' || !server?.definition || RESERVED.has(method) || method.length > MAX_METHOD_CHARACTERS || !METHOD.test(method)) return false;
  return server.definition.era === 'modern' || Object.keys(extensionsOf(server)).length > 0;
}
