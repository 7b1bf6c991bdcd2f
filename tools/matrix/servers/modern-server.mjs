// The offer on SDK v2: 2026-07-28 alone. Questions are answers here: a call ends with `input_required` and comes again.
import { inputRequired, MissingRequiredClientCapabilityError, ProtocolError, Server } from '@modelcontextprotocol/server';
import * as offer from './offer.mjs';

export const MODERN_VERSION = '2026-07-28';
export const TASKS = 'io.modelcontextprotocol/tasks';
const INVALID_PARAMS = -32602;

/** What a tool still has to ask; ends the round. */
class Question extends Error {
  constructor(key, request) {
    super('input required');
    this.key = key;
    this.request = request;
  }
}

export function modernServer(state) {
  const server = new Server(
    { name: `matrix-${MODERN_VERSION}`, version: '1.0.0' },
    { capabilities: { tools: { listChanged: true }, prompts: { listChanged: true }, resources: { listChanged: true, subscribe: true }, completions: {}, logging: {}, extensions: { [TASKS]: {} } } },
  );
  const known = (result, message, data) => {
    if (result === undefined) throw new ProtocolError(INVALID_PARAMS, message, data);
    return result;
  };
  const paged = (items, request, key) => ({ ...known(offer.page(items, request.params?.cursor, key), 'Invalid cursor'), ttlMs: 60_000, cacheScope: 'public' });
  server.setRequestHandler('tools/list', (request) => paged([...offer.listTools(MODERN_VERSION, state), JOB], request, 'tools'));
  server.setRequestHandler('resources/list', (request) => paged(offer.listResources(state), request, 'resources'));
  server.setRequestHandler('resources/templates/list', (request) => paged(offer.TEMPLATES, request, 'resourceTemplates'));
  server.setRequestHandler('prompts/list', (request) => paged(offer.listPrompts(state), request, 'prompts'));
  server.setRequestHandler('prompts/get', ({ params }) => known(offer.getPrompt(params.name, params.arguments, state), `Unknown prompt: ${params.name}`));
  server.setRequestHandler('completion/complete', ({ params }) => offer.complete(params.argument));
  server.setRequestHandler('resources/read', ({ params }) => ({ ...known(offer.readResource(params.uri, state), 'Resource not found', { uri: params.uri }), ttlMs: 0, cacheScope: 'private' }));
  server.setRequestHandler('tools/call', async ({ params }, context) => {
    try {
      return known(await offer.callTool(MODERN_VERSION, params.name, params.arguments ?? {}, host(state, context)), `Unknown tool: ${params.name}`);
    } catch (error) {
      if (!(error instanceof Question)) throw error;
      // Answers of earlier rounds travel in the state: each round's responses replace those before.
      return inputRequired({ inputRequests: { [error.key]: error.request }, requestState: JSON.stringify(answersOf(context)) });
    }
  });
  return server;
}

/** Runs as a task, and only for clients that know tasks. */
const JOB = { name: 'job', description: 'A job of some hundred milliseconds, always as a task.', inputSchema: { type: 'object', properties: { ask: { type: 'boolean' } } } };

function answersOf({ mcpReq }) {
  const before = mcpReq.requestState();
  return { ...(before === undefined ? {} : JSON.parse(before)), ...mcpReq.inputResponses };
}

function host(state, context) {
  const { mcpReq } = context;
  const meta = mcpReq._meta ?? {};
  const capabilities = mcpReq.envelope?.['io.modelcontextprotocol/clientCapabilities'] ?? {};
  return {
    state,
    meta,
    signal: mcpReq.signal,
    elicitationId: () => ({}),
    progress: async (progress, total, message) => meta.progressToken !== undefined && mcpReq.notify({ method: 'notifications/progress', params: { progressToken: meta.progressToken, progress, total, message } }),
    log: (level, data) => mcpReq.log(level, data),
    ask: (key, capability, method, params) => {
      const required = capability === 'elicitationUrl' ? { elicitation: { url: {} } } : { [capability]: {} };
      const able = capability === 'elicitationUrl' ? capabilities.elicitation?.url : capabilities[capability];
      if (!able) throw new MissingRequiredClientCapabilityError({ requiredCapabilities: required });
      const answers = answersOf(context);
      if (Object.hasOwn(answers, key)) return answers[key];
      throw new Question(key, method === 'roots/list' ? inputRequired.listRoots() : { method, params });
    },
  };
}
