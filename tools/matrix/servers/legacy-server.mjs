// The offer on SDK v1: a server that speaks exactly one revision up to 2025-11-25.
import { randomUUID } from 'node:crypto';
import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import * as types from '@modelcontextprotocol/sdk/types.js';
import * as offer from './offer.mjs';

export function legacyServer(version, state) {
  const server = new Server(
    { name: `matrix-${version}`, version: '1.0.0' },
    { capabilities: { tools: { listChanged: true }, prompts: { listChanged: true }, resources: { listChanged: true, subscribe: true }, completions: {}, logging: {} } },
  );
  // The SDK would accept the newest revision that it knows; this server knows one.
  server.setRequestHandler(types.InitializeRequestSchema, async (request) => {
    const result = await server._oninitialize(request);
    const { completions, ...first } = result.capabilities;
    return { ...result, protocolVersion: version, capabilities: version < '2025-03-26' ? first : { ...first, completions } };
  });
  const subscribed = new Set();
  lists(server, version, state);
  calls(server, version, state);
  server.setRequestHandler(types.SubscribeRequestSchema, ({ params }) => (subscribed.add(params.uri), {}));
  server.setRequestHandler(types.UnsubscribeRequestSchema, ({ params }) => (subscribed.delete(params.uri), {}));
  const quietly = (sending) => void sending.catch(() => {});
  server.namesChanged = () => {
    quietly(server.sendToolListChanged());
    quietly(server.sendPromptListChanged());
    quietly(server.sendResourceListChanged());
  };
  server.watchedChanged = () => subscribed.has(offer.WATCHED_URI) && quietly(server.sendResourceUpdated({ uri: offer.WATCHED_URI }));
  return server;
}

function lists(server, version, state) {
  const known = (result, message) => {
    if (result === undefined) throw new types.McpError(types.ErrorCode.InvalidParams, message);
    return result;
  };
  const paged = (items, request, key) => known(offer.page(items, request.params?.cursor, key), 'Invalid cursor');
  server.setRequestHandler(types.ListToolsRequestSchema, (request) => paged(offer.listTools(version, state), request, 'tools'));
  server.setRequestHandler(types.ListResourcesRequestSchema, (request) => paged(offer.listResources(state), request, 'resources'));
  server.setRequestHandler(types.ListResourceTemplatesRequestSchema, (request) => paged(offer.TEMPLATES, request, 'resourceTemplates'));
  server.setRequestHandler(types.ListPromptsRequestSchema, (request) => paged(offer.listPrompts(state), request, 'prompts'));
  server.setRequestHandler(types.GetPromptRequestSchema, ({ params }) => known(offer.getPrompt(params.name, params.arguments, state), `Unknown prompt: ${params.name}`));
  server.setRequestHandler(types.CompleteRequestSchema, ({ params }) => offer.complete(params.argument));
  server.setRequestHandler(types.ReadResourceRequestSchema, ({ params }) => {
    const result = offer.readResource(params.uri, state);
    if (result === undefined) throw new types.McpError(-32002, 'Resource not found', { uri: params.uri });
    return result;
  });
}

function calls(server, version, state) {
  server.setRequestHandler(types.CallToolRequestSchema, async ({ params }, extra) => {
    const result = await offer.callTool(version, params.name, params.arguments ?? {}, host(server, state, extra));
    if (result === undefined) throw new types.McpError(types.ErrorCode.InvalidParams, `Unknown tool: ${params.name}`);
    return result;
  });
}

function host(server, state, extra) {
  const meta = extra._meta ?? {};
  return {
    state,
    meta,
    signal: extra.signal,
    elicitationId: () => ({ elicitationId: randomUUID() }),
    progress: async (progress, total, message) => meta.progressToken !== undefined && extra.sendNotification({ method: 'notifications/progress', params: { progressToken: meta.progressToken, progress, total, message } }),
    // On the call's own stream, where the SDK would use the session's.
    log: async (level, data) => !server.isMessageIgnored(level, extra.sessionId) && extra.sendNotification({ method: 'notifications/message', params: { level, data } }),
    ask: (_key, capability, method, params) => {
      const declared = server.getClientCapabilities() ?? {};
      const able = capability === 'elicitationUrl' ? declared.elicitation?.url : declared[capability];
      if (!able) throw new offer.ToolFault(`The client can not be asked for ${capability}.`);
      return extra.sendRequest({ method, params }, RESULTS[method]);
    },
  };
}

const RESULTS = { 'sampling/createMessage': types.CreateMessageResultSchema, 'roots/list': types.ListRootsResultSchema, 'elicitation/create': types.ElicitResultSchema };
