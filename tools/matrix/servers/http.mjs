// `node http.mjs <state folder>`: every HTTP server of the matrix on one loopback port: /<revision>/mcp, and HTTP+SSE at /sse.
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import path from 'node:path';
import { SSEServerTransport } from '@modelcontextprotocol/sdk/server/sse.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler } from '@modelcontextprotocol/server';
import { legacyServer } from './legacy-server.mjs';
import { MODERN_VERSION, modernServer } from './modern-server.mjs';
import { WATCHED_URI } from './offer.mjs';
import { State } from './state.mjs';
import { Tasks } from './tasks.mjs';

const [folder] = process.argv.slice(2);
const LEGACY = ['2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25'];

async function bodyOf(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return chunks.length === 0 ? undefined : JSON.parse(Buffer.concat(chunks).toString('utf8'));
}

function sendJson(response, status, value) {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}

/** Streamable HTTP with sessions, as SDK v1 serves it. */
function streamable(version) {
  const state = new State(path.join(folder, `http-${version}`));
  const sessions = new Map();
  const each = (what) => () => [...sessions.values()].forEach(({ server }) => server[what]());
  state.follow({ onNames: each('namesChanged'), onWatched: each('watchedChanged') });
  return async (request, response) => {
    const body = await bodyOf(request);
    const id = request.headers['mcp-session-id'];
    if (id !== undefined) {
      const session = sessions.get(id);
      if (!session) return sendJson(response, 404, { jsonrpc: '2.0', id: null, error: { code: -32001, message: 'Session not found' } });
      return session.transport.handleRequest(request, response, body);
    }
    if (body?.method !== 'initialize') return sendJson(response, 400, { jsonrpc: '2.0', id: null, error: { code: -32000, message: 'Bad Request: Server not initialized' } });
    const server = legacyServer(version, state);
    const transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (session) => void sessions.set(session, { server, transport }),
      onsessionclosed: (session) => void sessions.delete(session),
    });
    await server.connect(transport);
    await transport.handleRequest(request, response, body);
  };
}

/** HTTP+SSE of 2024-11-05: a GET is the stream, which names the URL for POSTs. */
function sse() {
  const version = '2024-11-05';
  const state = new State(path.join(folder, `sse-${version}`));
  const sessions = new Map();
  const each = (what) => () => [...sessions.values()].forEach(({ server }) => server[what]());
  state.follow({ onNames: each('namesChanged'), onWatched: each('watchedChanged') });
  return async (request, response, url) => {
    if (url.pathname === '/sse') {
      if (request.method !== 'GET') return response.writeHead(405, { allow: 'GET' }).end();
      const server = legacyServer(version, state);
      const transport = new SSEServerTransport('/messages', response);
      sessions.set(transport.sessionId, { server, transport });
      response.on('close', () => sessions.delete(transport.sessionId));
      return server.connect(transport);
    }
    const session = sessions.get(url.searchParams.get('sessionId'));
    if (!session) return response.writeHead(404).end();
    return session.transport.handlePostMessage(request, response);
  };
}

function modern() {
  const state = new State(path.join(folder, `http-${MODERN_VERSION}`));
  const handler = createMcpHandler(() => modernServer(state), { legacy: 'reject' });
  const serve = toNodeHandler(handler);
  const tasks = new Tasks();
  state.follow({
    onNames: () => (handler.notify.toolsChanged(), handler.notify.promptsChanged(), handler.notify.resourcesChanged()),
    onWatched: () => handler.notify.resourceUpdated(WATCHED_URI),
  });
  return async (request, response) => {
    const body = await bodyOf(request);
    const answer = body && tasks.answer(body);
    if (answer) return sendJson(response, answer.error?.code === -32021 ? 400 : 200, answer);
    return serve(request, response, body);
  };
}

const routes = new Map([...LEGACY.map((version) => [`/${version}/mcp`, streamable(version)]), [`/${MODERN_VERSION}/mcp`, modern()]]);
const sseRoute = sse();
routes.set('/sse', sseRoute).set('/messages', sseRoute);

const server = createServer((request, response) => {
  const url = new URL(request.url, 'http://localhost');
  const route = routes.get(url.pathname);
  if (!route) return response.writeHead(404).end();
  Promise.resolve(route(request, response, url)).catch((error) => {
    console.error(error);
    if (!response.headersSent) response.writeHead(500);
    response.end();
  });
});
server.listen(0, '127.0.0.1', () => console.log(`listening on ${server.address().port}`));
// Ends with whoever started it.
process.stdin.on('end', () => process.exit(0)).resume();
