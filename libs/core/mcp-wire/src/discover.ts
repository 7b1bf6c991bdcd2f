import { GatewayError, type ServerDefinition, type SkillDefinition, type UpstreamReply } from '@mcpgw/contracts';
import type { Handshake } from './handshake.js';
import { isObject, quote, type JsonObject } from './json-rpc.js';
import { readParamHeaders } from './param-headers.js';

/** Bounds of what one server may offer, per list; `bytes` is of JSON, over all lists. */
export const DISCOVERY_LIMITS = { items: 10_000, pages: 100, bytes: 4 * 1_024 * 1_024 } as const;

export type SendRequest = (method: string, params: JsonObject) => Promise<UpstreamReply>;

type Dropped = ServerDefinition['dropped'][number];
type Kind = Dropped['kind'];

interface ListSpec {
  readonly kind: Kind;
  readonly method: string;
  readonly capability: string;
  readonly member: string;
  /** The member that identifies an item of this list. */
  readonly key: string;
}

const LISTS = {
  tools: { kind: 'tool', method: 'tools/list', capability: 'tools', member: 'tools', key: 'name' },
  resources: { kind: 'resource', method: 'resources/list', capability: 'resources', member: 'resources', key: 'uri' },
  resourceTemplates: { kind: 'resourceTemplate', method: 'resources/templates/list', capability: 'resources', member: 'resourceTemplates', key: 'uriTemplate' },
  prompts: { kind: 'prompt', method: 'prompts/list', capability: 'prompts', member: 'prompts', key: 'name' },
  skills: { kind: 'skill', method: 'skills/list', capability: 'resources', member: 'skills', key: 'uri' },
} as const satisfies Record<string, ListSpec>;

const METHOD_NOT_FOUND = -32601;
const MAX_KEY_CHARACTERS = 2_048;

/**
 * Asks a server for all that it offers, page by page. The answer is deterministic: sorted by name or URI, invalid and
 * duplicate items left out with a reason each, cut at the bounds above. Rejects with `upstream_failed` when a list is
 * refused or isn't a list; whatever `send` rejects with passes.
 */
export async function discoverServer(send: SendRequest, handshake: Handshake): Promise<ServerDefinition> {
  const collector = new Collector();
  const tools = await list(send, handshake, LISTS.tools, collector);
  const resources = await list(send, handshake, LISTS.resources, collector);
  const resourceTemplates = await list(send, handshake, LISTS.resourceTemplates, collector);
  const prompts = await list(send, handshake, LISTS.prompts, collector);
  const skills = declaresSkills(handshake) ? await list(send, handshake, LISTS.skills, collector) : undefined;
  const { era, protocolVersion, serverInfo, capabilities, instructions } = handshake;
  return {
    era,
    protocolVersion,
    serverInfo,
    capabilities: { ...capabilities },
    ...(instructions === undefined ? {} : { instructions }),
    tools: tools as ServerDefinition['tools'],
    resources: resources as ServerDefinition['resources'],
    resourceTemplates: resourceTemplates as ServerDefinition['resourceTemplates'],
    prompts: prompts as ServerDefinition['prompts'],
    ...(skills === undefined ? {} : { skills: skills as SkillDefinition[] }),
    dropped: collector.dropped,
  };
}

/** A server with skills has resources too, for they are its files (SEP-2640). */
function declaresSkills({ capabilities: { extensions } }: Handshake): boolean {
  return isObject(extensions) && isObject(extensions['io.modelcontextprotocol/skills']);
}

async function list(send: SendRequest, handshake: Handshake, spec: ListSpec, collector: Collector): Promise<JsonObject[]> {
  const items = new Map<string, JsonObject>();
  if (!isObject(handshake.capabilities[spec.capability])) return [];
  const cursors = new Set<string>();
  let params: JsonObject = {};
  for (let page = 1; ; page += 1) {
    const reply = await send(spec.method, params);
    if ('error' in reply) {
      // A server may have resources and know no templates, for instance.
      if (reply.error.code === METHOD_NOT_FOUND && page === 1) return [];
      // An extension that fails must not cost what the server has besides.
      if (spec.kind === 'skill') {
        collector.drop(spec.kind, '*', `the server refused ${spec.method} with error ${reply.error.code}`);
        return sorted(items);
      }
      throw new GatewayError('upstream_failed', `The server refused ${spec.method} with error ${reply.error.code} (${quote(reply.error.message)}). See its own log.`);
    }
    const found = reply.result[spec.member];
    if (!Array.isArray(found)) throw new GatewayError('upstream_failed', `The server's answer to ${spec.method} holds no list ${quote(spec.member)}. The server must be repaired.`);
    for (const item of found) if (!collector.take(spec, item, items)) return sorted(items);
    const cursor = reply.result['nextCursor'];
    if (typeof cursor !== 'string') return sorted(items);
    if (page >= DISCOVERY_LIMITS.pages || cursors.has(cursor)) {
      collector.drop(spec.kind, '*', cursors.has(cursor) ? 'the server repeats a cursor: later pages are left out' : `more than ${DISCOVERY_LIMITS.pages} pages: the rest is left out`);
      return sorted(items);
    }
    cursors.add(cursor);
    params = { cursor };
  }
}

/** By code units, not by locale: the order must be the same on every machine. */
function sorted(items: ReadonlyMap<string, JsonObject>): JsonObject[] {
  return [...items].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, item]) => item);
}

class Collector {
  readonly dropped: Dropped[] = [];
  #bytes = 0;

  /** False when a bound is reached and the rest of the list must be left out. */
  take(spec: ListSpec, item: unknown, items: Map<string, JsonObject>): boolean {
    const problem = problemOf(spec, item);
    const key = isObject(item) && typeof item[spec.key] === 'string' ? (item[spec.key] as string) : '?';
    if (problem !== undefined) this.drop(spec.kind, key, problem);
    else if (items.has(key)) this.drop(spec.kind, key, 'offered twice: the first is kept');
    else {
      this.#bytes += JSON.stringify(item).length;
      if (this.#bytes > DISCOVERY_LIMITS.bytes) return this.#cut(spec, `more than ${DISCOVERY_LIMITS.bytes} bytes of definitions: the rest is left out`);
      items.set(key, item as JsonObject);
    }
    if (items.size >= DISCOVERY_LIMITS.items || this.dropped.length >= DISCOVERY_LIMITS.items) return this.#cut(spec, `${DISCOVERY_LIMITS.items} items reached: any further are left out`);
    return true;
  }

  drop(kind: Kind, name: string, reason: string): void {
    this.dropped.push({ kind, name: name.slice(0, 256), reason });
  }

  #cut(spec: ListSpec, reason: string): false {
    this.drop(spec.kind, '*', reason);
    return false;
  }
}

function problemOf(spec: ListSpec, item: unknown): string | undefined {
  if (!isObject(item)) return 'is not an object';
  const key = item[spec.key];
  if (typeof key !== 'string' || key === '') return `"${spec.key}" is not a non-empty string`;
  if (key.length > MAX_KEY_CHARACTERS) return `"${spec.key}" has more than ${MAX_KEY_CHARACTERS} characters`;
  if (spec.kind === 'skill') return undefined;
  if (typeof item['name'] !== 'string') return '"name" is not a string';
  if (spec.kind !== 'tool') return undefined;
  const schema = item['inputSchema'];
  if (!isObject(schema) || schema['type'] !== 'object') return '"inputSchema" is not a JSON Schema of type "object"';
  // Also of servers on stdio: whatever theirs is, our clients' transport may be HTTP, where such a tool must not be offered.
  const headers = readParamHeaders(schema);
  return headers.ok ? undefined : headers.reason;
}
