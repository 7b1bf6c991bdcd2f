// An MCP server that does nothing but answer: what is measured is the way there and back. TOOLS says how many tools it lists, ERA=modern that it speaks 2026-07-28.
import { createServer } from 'node:http';

const count = Number(process.env.TOOLS ?? 10);
const tools = Array.from({ length: count }, (_, index) => ({
  name: `tool_${index}`,
  description: `Tool number ${index} of the benchmark's stub; it answers with the text it is given and has a description of ordinary length.`,
  inputSchema: { type: 'object', properties: { text: { type: 'string', description: 'What to say' }, customer_id: { type: 'string' } }, required: ['text'] },
}));

createServer((request, response) => {
  if (request.method !== 'POST') return response.writeHead(405).end();
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    const message = JSON.parse(Buffer.concat(chunks));
    if (message.id === undefined) return response.writeHead(202).end();
    const body = Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: message.id, ...answer(message) }));
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length }).end(body);
  });
}).listen(Number(process.env.PORT), '127.0.0.1', () => console.log('listening'));

const modern = process.env.ERA === 'modern';

function answer(message) {
  const { result, error } = plainAnswer(message);
  return error ? { error } : { result: modern ? { ...result, resultType: 'complete' } : result };
}

function plainAnswer({ method, params }) {
  if (modern && method === 'server/discover') return { result: { supportedVersions: ['2026-07-28'], capabilities: { tools: {} }, ttlMs: 0, cacheScope: 'private' } };
  if (modern && method === 'initialize') return { error: { code: -32601, message: 'Method not found' } };
  if (method === 'initialize') return { result: { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo: { name: 'stub', version: '1' } } };
  if (method === 'tools/list') return { result: { tools } };
  if (method === 'tools/call') return { result: { content: [{ type: 'text', text: params.arguments.text }] } };
  return { error: { code: -32601, message: 'Method not found' } };
}

process.stdin.on('end', () => process.exit(0)).resume();
