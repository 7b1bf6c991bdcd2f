import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { CreateMessageRequestSchema, ElicitRequestSchema, ListRootsRequestSchema, type ElicitResult, type Progress } from '@modelcontextprotocol/sdk/types.js';
import { request, until } from '../edge.fixture.js';
import { AskingEdges } from './testing/asking-edges.js';
import type { ModernRequest } from './testing/modern-server.js';

const TASKS = 'io.modelcontextprotocol/tasks';

describe('a legacy client', () => {
  const edges = new AskingEdges();
  const { first, second, legacy, modern } = edges;
  const clients: Client[] = [];

  beforeAll(async () => {
    await edges.start();
  });
  afterAll(async () => {
    await Promise.all(clients.map((client) => client.close()));
    await edges.close();
  });
  beforeEach(() => {
    first.entries.written.length = 0;
    modern.requests.length = 0;
  });

  /** Its POSTs go to the edges in turn. */
  async function connect(where: string, { capabilities = { elicitation: { form: {}, url: {} }, sampling: {}, roots: {} } as object, elicit = (): Promise<ElicitResult> | ElicitResult => ({ action: 'accept', content: { name: 'Ada' } }), seen = [] as unknown[] } = {}): Promise<Client> {
    let turn = 0;
    const alternating: typeof fetch = (input, init) => {
      const url = new URL(input instanceof Request ? input.url : input);
      if (init?.method === 'POST' && turn++ % 2 === 1) url.host = new URL(second.url).host;
      return fetch(url, init);
    };
    const transport = new StreamableHTTPClientTransport(new URL(first.url + where), { fetch: alternating, requestInit: { headers: { authorization: `Bearer ${edges.agent.key}` } } });
    const client = new Client({ name: 'spec', version: '1' }, { capabilities });
    if ('elicitation' in capabilities)
      client.setRequestHandler(ElicitRequestSchema, async ({ params }) => {
        seen.push(params);
        return elicit();
      });
    if ('sampling' in capabilities) client.setRequestHandler(CreateMessageRequestSchema, async () => ({ role: 'assistant', model: 'm', content: { type: 'text', text: 'said' } }));
    if ('roots' in capabilities) client.setRequestHandler(ListRootsRequestSchema, async () => ({ roots: [{ uri: 'file:///home' }] }));
    clients.push(client);
    await client.connect(transport);
    return client;
  }

  const textOf = (result: unknown): string => (result as { content: { text: string }[] }).content[0]!.text;
  const phases = () => first.entries.of('tools/call').map(({ phase, outcome }) => (outcome?.code === undefined ? phase : `${phase} ${outcome.code}`));

  describe('and a legacy server', () => {
    it('is asked on the stream of its call, and answers through any edge', async () => {
      const client = await connect('/mcp/old');
      expect(JSON.parse(textOf(await client.callTool({ name: 'ask_all', arguments: {} })))).toEqual({ who: 'Ada', said: 'said', roots: ['file:///home'] });
      expect(textOf(await client.callTool({ name: 'ask_twice', arguments: {} }))).toBe('["Ada","Ada"]');
      expect(phases()).toEqual(['intent', 'outcome', 'intent', 'outcome']);
    });

    it('is never asked what it has not declared', async () => {
      const client = await connect('/mcp/old', { capabilities: { elicitation: {} } });
      expect(textOf(await client.callTool({ name: 'ask_undeclared', arguments: {} }))).toContain('-32601');
      expect(legacy.declared.at(-1)).not.toHaveProperty('sampling');
    });

    it('is not asked when it reads no event streams', async () => {
      const declared = { protocolVersion: '2025-11-25', capabilities: { elicitation: {} }, clientInfo: { name: 'x', version: '1' } };
      const { headers } = await first.post(edges.agent.key, request('initialize', declared));
      const answer = await second.post(edges.agent.key, request('tools/call', { name: 'ask' }), { accept: 'application/json', 'mcp-session-id': headers.get('mcp-session-id')! }, '/mcp/old');
      expect(answer.body).toMatchObject({ id: 1, error: { message: expect.stringContaining('does not support') } });
    });

    it('is told that a question is over when the call is', async () => {
      const cancelled: unknown[] = [];
      const client = await connect('/mcp/old', { elicit: () => new Promise<ElicitResult>(() => undefined) });
      const receive = client.transport!.onmessage!;
      const asked: unknown[] = [];
      client.transport!.onmessage = (message, extra) => {
        if ('method' in message && 'id' in message) asked.push(message.id);
        if ('method' in message && message.method === 'notifications/cancelled') cancelled.push(message.params?.['requestId']);
        receive(message, extra);
      };
      expect(textOf(await client.callTool({ name: 'ask_briefly', arguments: {} }))).toBe('not waiting');
      expect(asked).toHaveLength(2);
      expect(cancelled).toEqual(asked.slice(0, 1));
    });

    it('is told when the server takes a question back', async () => {
      let answered = false;
      const client = await connect('/mcp/old', { elicit: () => new Promise<ElicitResult>((resolve) => setTimeout(() => resolve({ action: 'accept' }), 20_000).unref()).finally(() => (answered = true)) });
      const receive = client.transport!.onmessage!;
      const heard: string[] = [];
      client.transport!.onmessage = (message, extra) => {
        if ('method' in message) heard.push(message.method);
        receive(message, extra);
      };
      const call = client.callTool({ name: 'ask_and_withdraw', arguments: {} });
      await until(() => heard.includes('elicitation/create'), 'the question');
      legacy.withdraw();
      expect(textOf(await call)).toBe('withdrawn');
      expect({ heard, answered }).toEqual({ heard: ['elicitation/create', 'notifications/cancelled'], answered: false });
    });

    it('answers only what it was asked itself: responses of others and late ones are taken in and dropped', async () => {
      let asked: (() => void) | undefined;
      let answer: ((result: ElicitResult) => void) | undefined;
      const isAsked = new Promise<void>((resolve) => (asked = resolve));
      const client = await connect('/mcp/old', {
        elicit: () => {
          asked?.();
          return new Promise<ElicitResult>((resolve) => (answer = resolve));
        },
      });
      const ids: string[] = [];
      const { transport } = client;
      const receive = transport!.onmessage!;
      transport!.onmessage = (message, extra) => {
        if ('method' in message && 'id' in message) ids.push(String(message.id));
        receive(message, extra);
      };
      const call = client.callTool({ name: 'ask', arguments: {} });
      await isAsked;
      const [id] = ids;
      expect(id).toMatch(/^edge-[0-9a-f]{8}\./);
      const { headers } = await first.post(edges.other.key, request('initialize', { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'x', version: '1' } }));
      const forged = { jsonrpc: '2.0', id, result: { action: 'accept', content: { name: 'Eve' } } };
      for (const edge of [first, second]) expect((await edge.post(edges.other.key, forged, { 'mcp-session-id': headers.get('mcp-session-id')! }, '/mcp/old')).status).toBe(202);
      expect((await first.post(edges.agent.key, forged, {}, '/mcp/old')).status).toBe(202);
      answer?.({ action: 'accept', content: { name: 'Ada' } });
      expect(JSON.parse(textOf(await call))).toMatchObject({ name: 'Ada' });
      const late = await first.post(edges.agent.key, forged, { 'mcp-session-id': String(transport!.sessionId) }, '/mcp/old');
      expect(late.status).toBe(202);
    });
  });

  describe('and a modern server', () => {
    it('is asked what the server wants, in rounds, and sees one call', async () => {
      const seen: Record<string, unknown>[] = [];
      modern.answer = ({ params }) => {
        const responses = params['inputResponses'] as Record<string, Record<string, unknown>> | undefined;
        if (!responses) return { result: { resultType: 'input_required', inputRequests: { who: { method: 'elicitation/create', params: { message: 'Who?', requestedSchema: { type: 'object', properties: {} } } } }, requestState: 's1' } };
        if (params['requestState'] === 's1') return { result: { resultType: 'input_required', inputRequests: { page: { method: 'elicitation/create', params: { mode: 'url', message: 'Go there', url: 'https://example.com/' } }, roots: { method: 'roots/list' } }, requestState: 's2' } };
        return { result: { resultType: 'complete', content: [{ type: 'text', text: JSON.stringify([params['requestState'], responses]) }] } };
      };
      const client = await connect('/mcp/new', { seen });
      const result = await client.callTool({ name: 'call', arguments: {} });
      expect(JSON.parse(textOf(result))).toEqual(['s2', { page: { action: 'accept', content: { name: 'Ada' } }, roots: { roots: [{ uri: 'file:///home' }] } }]);
      expect(result).not.toHaveProperty('resultType');
      expect(seen).toMatchObject([{ message: 'Who?' }, { mode: 'url', elicitationId: expect.stringMatching(/^[0-9a-f-]{36}$/) }]);
      expect(modern.requests[0]?.capabilities).toMatchObject({ elicitation: { form: {}, url: {} }, sampling: {}, roots: {} });
      expect(phases()).toEqual(['intent', 'outcome']);
    });

    it('repeats a call whose answer is a state alone, and not for ever', async () => {
      modern.answer = ({ params }) => (params['requestState'] === 'go' ? { result: { resultType: 'complete', content: [{ type: 'text', text: 'done' }] } } : { result: { resultType: 'input_required', requestState: 'go' } });
      const client = await connect('/mcp/new');
      expect(textOf(await client.callTool({ name: 'call', arguments: {} }))).toBe('done');
      modern.requests.length = 0;
      modern.answer = () => ({ result: { resultType: 'input_required', inputRequests: { roots: { method: 'roots/list' } } } });
      await expect(client.callTool({ name: 'call', arguments: {} })).rejects.toThrow(/16 times/);
      expect(modern.requests).toHaveLength(17);
    });

    it.each([
      ['that has not declared what is asked', { capabilities: {} }],
      ['that fails to answer', { elicit: () => Promise.reject(new Error('no')), method: 'sampling/createMessage' }],
    ])('%s gets a result that says so', async (_what, options) => {
      const ask = 'method' in options ? { method: options.method, params: { messages: 'none' } } : { method: 'elicitation/create', params: { message: 'Who?', requestedSchema: { type: 'object', properties: {} } } };
      modern.answer = () => ({ result: { resultType: 'input_required', inputRequests: { who: ask } } });
      const client = await connect('/mcp/new', options as object);
      expect(await client.callTool({ name: 'call', arguments: {} })).toMatchObject({ isError: true, content: [{ text: expect.stringContaining('needs more input') }] });
    });

    it('waits for a task as for a call, with progress, and answers what the task asks', async () => {
      let polls = 0;
      let updated: unknown;
      const task = { taskId: 't 1', createdAt: '', lastUpdatedAt: '', ttlMs: null, pollIntervalMs: 10 };
      const work = ({ method, params }: ModernRequest) => {
        if (method === 'tools/call') return { result: { resultType: 'task', status: 'working', ...task } };
        if (method === 'tasks/update') updated = params['inputResponses'];
        if (method !== 'tasks/get') return { result: { resultType: 'complete' } };
        polls++;
        if (polls === 2) return { result: { resultType: 'complete', ...task, status: 'input_required', inputRequests: { who: { method: 'elicitation/create', params: { message: 'Who?', requestedSchema: { type: 'object', properties: {} } } } } } };
        return { result: { resultType: 'complete', ...task, ...(polls < 4 ? { status: 'working', statusMessage: 'on it' } : { status: 'completed', result: { content: [{ type: 'text', text: 'done' }] } }) } };
      };
      modern.answer = work;
      const client = await connect('/mcp/new');
      const progress: Progress[] = [];
      expect(textOf(await client.callTool({ name: 'call', arguments: {} }, undefined, { onprogress: (step) => progress.push(step) }))).toBe('done');
      expect(updated).toEqual({ who: { action: 'accept', content: { name: 'Ada' } } });
      expect(progress.map(({ message }) => message)).toEqual(['on it', 'input_required', 'on it', 'completed']);
      expect(modern.requests[0]?.capabilities).toHaveProperty('extensions', { [TASKS]: {} });
      expect(modern.requests.find(({ method }) => method === 'tasks/get')).toMatchObject({ params: { taskId: 't 1' }, name: 't 1' });
      expect(phases()).toEqual(['intent', 'outcome']);
    });

    it('cancels the task when it goes', async () => {
      modern.answer = ({ method }) => (method === 'tools/call' ? { result: { resultType: 'task', taskId: 't2', status: 'working', pollIntervalMs: 10 } } : { result: { resultType: 'complete', taskId: 't2', status: 'working', pollIntervalMs: 10 } });
      const client = await connect('/mcp/new');
      const stop = new AbortController();
      const call = client.callTool({ name: 'call', arguments: {} }, undefined, { signal: stop.signal });
      call.catch(() => undefined);
      await until(() => modern.requests.some(({ method }) => method === 'tasks/get'));
      stop.abort('enough');
      await until(() => modern.requests.some(({ method, params }) => method === 'tasks/cancel' && params['taskId'] === 't2'), 'the cancellation of the task');
      await until(() => phases().includes('outcome cancelled'), 'the outcome');
    });

    it('hears of a capability that it lacks in words that it knows', async () => {
      modern.answer = () => ({ http: 400, error: { code: -32021, message: 'needs sampling', data: { requiredCapabilities: { sampling: {} } } } });
      const client = await connect('/mcp/new', { capabilities: {} });
      expect(await client.callTool({ name: 'call', arguments: {} })).toMatchObject({ isError: true, content: [{ text: expect.stringContaining('does not support') }] });
    });
  });
});
