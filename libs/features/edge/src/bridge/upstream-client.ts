import { createHash } from 'node:crypto';
import type { ServerView, UpstreamClient } from '@mcpgw/contracts';
import { canBeAsked, carriedCapabilities, declaresTasks, isObject, NO_CAPABILITIES, withoutTasks, withTasks, type JsonObject } from '@mcpgw/core-mcp-wire';
import type { Admitted } from '../call-tool/door.js';

const MAX_SCOPE_CHARACTERS = 256;
/** First revision in which a client can be sent to a URL. */
const URL_ELICITATION_SINCE = '2025-11-25';

/**
 * On whose behalf a server is called, and what may be asked meanwhile: never more than this client declared, and nothing that its
 * answer has no room for. `undefined`: nobody who can be asked, on the session that all share.
 */
export function upstreamClientOf(admitted: Admitted, server: ServerView, readsEvents: boolean): UpstreamClient | undefined {
  const { sessions } = server.config;
  const isModern = server.definition?.era === 'modern';
  const declared = declaredBy(admitted, readsEvents);
  const permitted = sessions === 'shared' ? extensionsOf(declared) : declared;
  const capabilities = admitted.era === 'legacy' ? bridgedTasks(permitted, isModern && declaresTasks(server.definition?.capabilities)) : permitted;
  const scope = sessions === 'principal' || (sessions === 'interactive' && canBeAsked(capabilities)) ? scopeOf(admitted.subject) : '';
  // To the shared session of a legacy server nothing is ever declared; a modern one hears it with each request.
  if (scope === '' && (!isModern || capabilities === NO_CAPABILITIES)) return undefined;
  return { capabilities, scope };
}

/** A legacy client has no tasks: where the server has, the edge waits for them in the client's place. */
function bridgedTasks(capabilities: JsonObject, upstreamHasTasks: boolean): JsonObject {
  if (upstreamHasTasks) return withTasks(capabilities);
  return capabilities === NO_CAPABILITIES ? capabilities : withoutTasks(capabilities);
}

function declaredBy({ era, envelope, session }: Admitted, readsEvents: boolean): JsonObject {
  if (era === 'modern') return carriedCapabilities(envelope?.clientCapabilities);
  if (!session || session.capabilities === NO_CAPABILITIES) return NO_CAPABILITIES;
  // A legacy client is asked on the event stream of its request's answer, or not at all.
  if (!readsEvents) return extensionsOf(session.capabilities);
  return session.protocolVersion < URL_ELICITATION_SINCE ? withoutUrlMode(session.capabilities) : session.capabilities;
}

function extensionsOf({ extensions }: JsonObject): JsonObject {
  return extensions === undefined ? NO_CAPABILITIES : { extensions };
}

function withoutUrlMode(capabilities: JsonObject): JsonObject {
  const { elicitation, ...rest } = capabilities;
  if (!isObject(elicitation) || !('url' in elicitation)) return capabilities;
  return 'form' in elicitation ? { ...rest, elicitation: { form: {} } } : rest;
}

function scopeOf(subject: string): string {
  return subject.length <= MAX_SCOPE_CHARACTERS ? subject : createHash('sha256').update(subject).digest('base64url');
}
