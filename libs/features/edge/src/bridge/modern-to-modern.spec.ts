import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { request, type TestEdge } from '../edge.fixture.js';
import { AskingEdges } from './testing/asking-edges.js';

const VERSION = '2026-07-28';
const TASKS = { extensions: { 'io.modelcontextprotocol/tasks': {} } };
const INVALID = { code: -32602, message: 'Invalid or expired requestState' };
const UNKNOWN = { code: -32602, message: 'Unknown task' };
const ASK = { method: 'elicitation/create', params: { message: 'Who?', requestedSchema: { type: 'object', properties: {} } } };

describe('a modern client and a modern server', () => {
  const edges = new AskingEdges();
  const { first, second, modern } = edges;

  beforeAll(async () => {
    await edges.start();
  });
  afterAll(() => edges.close());
  beforeEach(() => {
    first.entries.written.length = 0;
    first.policy.allowed = () => true;
    modern.requests.length = 0;
  });

  async function send(edge: TestEdge, params: Record<string, unknown>, { key = edges.agent.key, method = 'tools/call', capabilities = { elicitation: {} } as object, name = String(params['taskId'] ?? params['name']), where = '/mcp/new' } = {}) {
    const envelope = { 'io.modelcontextprotocol/protocolVersion': VERSION, 'io.modelcontextprotocol/clientCapabilities': capabilities };
    const { status, body } = await edge.post(key, request(method, { ...params, _meta: envelope }), { 'mcp-protocol-version': VERSION, 'mcp-method': method, 'mcp-name': name }, where);
    return { status, result: body.result as unknown as Record<string, unknown>, error: body.error };
  }

  const phases = (method: string) => first.entries.of(method).map(({ phase, outcome }) => (outcome?.code === undefined ? phase : `${phase} ${outcome.code}`));

  describe('that asks by its result', () => {
    beforeEach(() => {
      modern.answer = ({ params }) =>
        params['inputResponses'] ? { result: { resultType: 'complete', content: [{ type: 'text', text: JSON.stringify([params['requestState'], params['inputResponses']]) }] } } : { result: { resultType: 'input_required', inputRequests: { user_name: ASK }, requestState: 'of the server' } };
    });

    it('carries the questions under the keys of the server, and its state to that client alone, for that call alone', async () => {
      const one = await send(first, { name: 'call', arguments: { a: 1 } });
      expect(one.result).toMatchObject({ resultType: 'input_required', inputRequests: { user_name: ASK } });
      const requestState = String(one.result['requestState']);
      expect(Buffer.from(requestState, 'base64url').toString('latin1')).not.toContain('of the server');
      const again = { name: 'call', arguments: { a: 1 }, requestState, inputResponses: { user_name: { action: 'decline' } } };
      expect((await send(first, again, { key: edges.other.key })).error).toEqual(INVALID);
      expect((await send(first, { ...again, arguments: {} })).error).toEqual(INVALID);
      expect((await send(first, { ...again, requestState: 'of the server' })).error).toEqual(INVALID);
      expect(modern.requests).toHaveLength(1);
      const two = await send(second, again);
      expect((two.result['content'] as { text: string }[])[0]?.text).toBe('["of the server",{"user_name":{"action":"decline"}}]');
      expect(phases('tools/call')).toEqual(['intent', 'outcome input_required', 'denied -32602', 'denied -32602', 'denied -32602', 'intent', 'outcome']);
    });

    it('does not carry what the client has not declared', async () => {
      const { result, error } = await send(first, { name: 'call' }, { capabilities: { sampling: {} } });
      expect(result).toBeUndefined();
      expect(error).toMatchObject({ code: -31502, message: expect.stringContaining('not declared') });
    });

    it.each([
      ['requests that are no object', { inputRequests: 7 }],
      ['a method that nobody answers', { inputRequests: { a: { method: 'tools/call', params: {} } } }],
      ['nothing at all', {}],
      ['a state that is no string', { requestState: 1 }],
    ])('refuses a result with %s', async (_what, result) => {
      modern.answer = () => ({ result: { resultType: 'input_required', ...result } });
      expect((await send(first, { name: 'call' })).error).toMatchObject({ code: -31502 });
    });
  });

  it('says in its own words which capability the client lacks, and owns up to those that it does not pass on', async () => {
    modern.answer = () => ({ http: 400, error: { code: -32021, message: 'needs sampling', data: { requiredCapabilities: { sampling: {}, elicitation: {} } } } });
    expect(await send(first, { name: 'call' })).toMatchObject({ status: 400, error: { code: -32021, data: { requiredCapabilities: { sampling: {} } } } });
    expect((await send(first, { name: 'call' }, { capabilities: { sampling: {}, elicitation: {} } })).error).toMatchObject({ code: -31502 });
  });

  it('passes results of types that it does not know', async () => {
    modern.answer = () => ({ result: { resultType: 'com.example/later', ticket: 1 } });
    expect((await send(first, { name: 'call' })).result).toMatchObject({ resultType: 'com.example/later', ticket: 1 });
  });

  describe('with tasks', () => {
    beforeEach(() => {
      modern.answer = ({ method, params }) => {
        if (method === 'tools/call') return { result: { resultType: 'task', taskId: 'up-1', status: 'working', createdAt: 'c', lastUpdatedAt: 'l', ttlMs: null } };
        if (params['taskId'] !== 'up-1') return { error: { code: -32602, message: 'no such task upstream' } };
        return { result: method === 'tasks/get' ? { resultType: 'complete', taskId: 'up-1', status: 'completed', result: { content: [{ type: 'resource_link', uri: 'note://1', name: 'n' }] } } : { resultType: 'complete' } };
      };
    });

    async function start(where?: string): Promise<string> {
      const { result } = await send(first, { name: where === '/mcp' ? 'new__call' : 'call' }, { capabilities: TASKS, ...(where ? { where } : {}) });
      expect(result).toMatchObject({ resultType: 'task', status: 'working', ttlMs: null });
      return String(result['taskId']);
    }

    it('gives tasks ids that lead back through any edge, with intent and outcome', async () => {
      const taskId = await start();
      expect(taskId).not.toContain('up-1');
      for (const method of ['tasks/get', 'tasks/update', 'tasks/cancel']) {
        const { status, result } = await send(second, { taskId, inputResponses: {} }, { method, capabilities: TASKS });
        expect({ status, type: result['resultType'] }).toEqual({ status: 200, type: 'complete' });
        expect(modern.requests.at(-1)).toMatchObject({ method, params: { taskId: 'up-1' }, name: 'up-1' });
        expect(phases(method)).toEqual(['intent', 'outcome']);
      }
      expect((await send(first, { taskId }, { method: 'tasks/get', capabilities: TASKS })).result).toMatchObject({ taskId, status: 'completed', result: { content: [{ uri: 'note://1' }] } });
    });

    it('shows what is in a task under the names of the endpoint', async () => {
      const taskId = await start('/mcp');
      expect((await send(first, { taskId }, { method: 'tasks/get', capabilities: TASKS, where: '/mcp' })).result).toMatchObject({ result: { content: [{ uri: 'new+note://1' }] } });
    });

    it('answers for a task that is unknown, altered, another’s, of another route, or no longer allowed alike', async () => {
      const taskId = await start();
      const get = (id: unknown, options: Parameters<typeof send>[2] = {}) => send(first, { taskId: id }, { method: 'tasks/get', capabilities: TASKS, ...options });
      const before = modern.requests.length;
      const refused = [await get(taskId, { key: edges.other.key }), await get('up-1'), await get(`${taskId.slice(0, -4)}AAAA`), await get(taskId, { where: '/mcp/old' })];
      first.policy.allowed = () => false;
      refused.push(await get(taskId));
      expect(refused.map(({ error }) => error)).toEqual(refused.map(() => UNKNOWN));
      expect(modern.requests).toHaveLength(before);
      expect(phases('tasks/get')).toEqual(refused.map(() => 'denied not_found'));
    });

    it('wants the extension declared, the header to name the task, and no tasks for others', async () => {
      const taskId = await start();
      expect(await send(first, { taskId }, { method: 'tasks/get' })).toMatchObject({ status: 400, error: { code: -32021, data: { requiredCapabilities: TASKS } } });
      expect(await send(first, { taskId }, { method: 'tasks/get', capabilities: TASKS, name: 'other' })).toMatchObject({ status: 400, error: { code: -32020 } });
      expect((await send(first, { name: 'call' })).error).toMatchObject({ code: -31502 });
      const legacy = await first.post(edges.agent.key, request('tasks/get', { taskId }), {}, '/mcp/new');
      expect(legacy.body.error.code).toBe(-32601);
    });
  });
});
