import type { ServerResponse } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { request, until } from '../edge.fixture.js';
import { StreamReader } from '../session/watching.fixture.js';
import { AskingEdges } from './testing/asking-edges.js';

const VERSION = '2026-07-28';
const TASKS = { extensions: { 'io.modelcontextprotocol/tasks': {} } };
const KEY = 'io.modelcontextprotocol/';

describe('news of tasks (SEP-2663, notifications/tasks)', () => {
  const edges = new AskingEdges();
  const { first, second, modern } = edges;
  /** Task ids -> the stream on which the server tells of them. */
  const listening = new Map<string, ServerResponse>();
  let taskId = '';

  beforeAll(async () => {
    await edges.start();
    modern.answer = () => ({ result: { resultType: 'task', taskId: 'inner', status: 'working', createdAt: 'x', lastUpdatedAt: 'x', ttlMs: null } });
    modern.onListen = ({ taskIds }, stream) => {
      listening.set(String(taskIds), stream);
      stream.on('close', () => listening.get(String(taskIds)) === stream && listening.delete(String(taskIds)));
      stream.write(`data: ${JSON.stringify({ jsonrpc: '2.0', method: 'notifications/subscriptions/acknowledged', params: { notifications: { taskIds } } })}\n\n`);
    };
  });
  afterAll(() => edges.close());

  const envelope = (capabilities: object): object => ({ [`${KEY}protocolVersion`]: VERSION, [`${KEY}clientCapabilities`]: capabilities });

  beforeEach(async () => {
    first.policy.allowed = () => true;
    const headers = { 'mcp-protocol-version': VERSION, 'mcp-method': 'tools/call', 'mcp-name': 'call' };
    const { body } = await first.post(edges.agent.key, request('tools/call', { name: 'call', _meta: envelope(TASKS) }), headers, '/mcp/new');
    taskId = String((body.result as { taskId?: unknown } | undefined)?.taskId);
  });

  function listen(ids: readonly string[], { edge = second, key = edges.agent.key, capabilities = TASKS as object } = {}): Promise<StreamReader> {
    return StreamReader.open(`${edge.url}/mcp/new`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', authorization: `Bearer ${key}`, 'mcp-protocol-version': VERSION, 'mcp-method': 'subscriptions/listen' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 'mine', method: 'subscriptions/listen', params: { _meta: envelope(capabilities), notifications: { taskIds: ids } } }),
    });
  }

  function tell(task: object): void {
    listening.get('inner')?.write(`data: ${JSON.stringify({ jsonrpc: '2.0', method: 'notifications/tasks', params: { taskId: 'inner', _meta: { [`${KEY}subscriptionId`]: 1 }, ...task } })}\n\n`);
  }

  const acknowledged = (stream: StreamReader): unknown => (stream.messages[0]?.['params'] as { notifications?: unknown } | undefined)?.notifications;
  const news = (stream: StreamReader): unknown[] => stream.messages.filter(({ method }) => method === 'notifications/tasks').map(({ params }) => params);

  it('reach the client, at whichever edge it listens, under its own id and that of its listen', async () => {
    const stream = await listen([taskId]);
    await until(() => listening.has('inner'), 'the listen upstream');
    tell({ status: 'completed', result: { content: [{ type: 'text', text: 'done' }] } });
    await stream.until(() => news(stream).length === 1, 'the news');
    expect(acknowledged(stream)).toEqual({ taskIds: [taskId] });
    expect(news(stream)).toEqual([{ taskId, status: 'completed', result: { content: [{ type: 'text', text: 'done' }] }, _meta: { [`${KEY}subscriptionId`]: 'mine' } }]);
    stream.drop();
    await until(() => !listening.has('inner'), 'the end of the listen upstream');
  });

  it("are not had of another's task, an unknown one, without the extension, or of a tool that may not be called any more", async () => {
    for (const [ids, options] of [
      [[taskId], { key: edges.other.key }],
      [['inner', 'x'.repeat(100)], {}],
      [[taskId], { capabilities: {} }],
    ] as const) {
      const stream = await listen(ids, options);
      await stream.until((messages) => messages.length > 0, 'the acknowledgement');
      expect(acknowledged(stream)).toEqual({ taskIds: [] });
      stream.drop();
    }
    first.policy.allowed = () => false;
    const stream = await listen([taskId]);
    await stream.until((messages) => messages.length > 0, 'the acknowledgement');
    expect(acknowledged(stream)).toEqual({ taskIds: [] });
    stream.drop();
    expect(listening.size).toBe(0);
  });

  it('never ask what the client has not declared', async () => {
    const stream = await listen([taskId]);
    await until(() => listening.has('inner'), 'the listen upstream');
    tell({ status: 'input_required', inputRequests: { a: { method: 'elicitation/create', params: { message: 'Who?', requestedSchema: { type: 'object', properties: {} } } } } });
    tell({ status: 'cancelled' });
    await stream.until(() => news(stream).length > 0, 'the news');
    expect(news(stream)).toMatchObject([{ status: 'cancelled' }]);
    stream.drop();
  });
});
