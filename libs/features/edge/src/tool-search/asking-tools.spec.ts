import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { routeConfig } from '@mcpgw/contracts';
import { AskingEdges } from '../bridge/testing/asking-edges.js';
import { request, until, type TestEdge } from '../edge.fixture.js';

const VERSION = '2026-07-28';
const ENVELOPE = { 'io.modelcontextprotocol/protocolVersion': VERSION, 'io.modelcontextprotocol/clientCapabilities': { elicitation: { form: {} } } };

interface Result {
  readonly resultType: string;
  readonly requestState: string;
  readonly content: readonly { readonly text: string }[];
}

const edges = new AskingEdges();

beforeAll(async () => {
  await edges.start();
  edges.first.registry.change('acme', (view) => ({ ...view, routes: [...view.routes, routeConfig.parse({ organization: 'acme', name: 'search', servers: ['old', 'new'], toolSearch: true })] }));
  for (const edge of [edges.first, edges.second]) await until(async () => (await edge.post(edges.agent.key, request('ping'), {}, '/mcp/search')).status === 200);
});
afterAll(() => edges.close());

async function call(edge: TestEdge, tool: string, retry: object = {}): Promise<{ result: Result; error: { code: number } }> {
  const params = { name: 'call_tool', arguments: { name: tool, arguments: {} }, ...retry, _meta: ENVELOPE };
  const { body, text } = await edge.post(edges.agent.key, request('tools/call', params), { 'mcp-protocol-version': VERSION, 'mcp-method': 'tools/call', 'mcp-name': 'call_tool' }, '/mcp/search');
  const last = body ?? (JSON.parse(text.split('\n').filter((line) => line.startsWith('data: ')).at(-1)?.slice(6) ?? '{}') as typeof body);
  return last as unknown as { result: Result; error: { code: number } };
}

it('a tool that asks can be called through call_tool, its answer given at another edge', async () => {
  const { result } = await call(edges.first, 'old__ask_twice');
  expect(result.resultType).toBe('input_required');
  const answer = (value: string) => ({ action: 'accept', content: { name: value } });
  const second = await call(edges.second, 'old__ask_twice', { requestState: result.requestState, inputResponses: { 'ask-1': answer('a') } });
  expect((await call(edges.second, 'old__plain', { requestState: second.result.requestState, inputResponses: { 'ask-2': answer('b') } })).error.code).toBe(-32602);
  const third = await call(edges.first, 'old__ask_twice', { requestState: second.result.requestState, inputResponses: { 'ask-2': answer('b') } });
  expect(third.result).toMatchObject({ resultType: 'complete', content: [{ text: '["a","b"]' }] });
  expect(edges.first.entries.of('tools/call').filter(({ target }) => target === 'ask_twice').map(({ phase }) => phase)).toEqual(['intent', 'outcome']);
});
