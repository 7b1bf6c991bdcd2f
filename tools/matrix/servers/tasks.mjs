// The tasks extension by hand (io.modelcontextprotocol/tasks): the SDK's server does not know it. Stands in front of it.
import { randomUUID } from 'node:crypto';
import { TASKS } from './modern-server.mjs';

const WORKS_MS = 400;
const POLL_MS = 100;
const TTL_MS = 120_000;
const MOST = 1_000;

export class Tasks {
  tasks = new Map();

  /** The answer to a request about tasks; `undefined` when the message is somebody else's. */
  answer({ id, method, params }) {
    if (id === undefined || typeof method !== 'string') return undefined;
    const about = method.startsWith('tasks/');
    if (!about && !(method === 'tools/call' && params?.name === 'job')) return undefined;
    if (!params?._meta?.['io.modelcontextprotocol/clientCapabilities']?.extensions?.[TASKS]) {
      return { jsonrpc: '2.0', id, error: { code: -32021, message: 'This needs the tasks extension.', data: { requiredCapabilities: { extensions: { [TASKS]: {} } } } } };
    }
    if (!about) return { jsonrpc: '2.0', id, result: { resultType: 'task', ...this.begin(params.arguments ?? {}) } };
    const task = this.tasks.get(params.taskId);
    if (!task) return { jsonrpc: '2.0', id, error: { code: -32602, message: 'Unknown task' } };
    if (method === 'tasks/get') return { jsonrpc: '2.0', id, result: { resultType: 'complete', ...this.describe(task) } };
    if (method === 'tasks/update') task.answers = { ...task.answers, ...params.inputResponses };
    else if (method === 'tasks/cancel') task.cancelled = true;
    else return { jsonrpc: '2.0', id, error: { code: -32601, message: 'Method not found' } };
    return { jsonrpc: '2.0', id, result: { resultType: 'complete' } };
  }

  begin({ ask }) {
    if (this.tasks.size >= MOST) this.tasks.delete(this.tasks.keys().next().value);
    const task = { taskId: randomUUID(), began: Date.now(), ask: ask === true, answers: undefined, cancelled: false };
    this.tasks.set(task.taskId, task);
    return this.describe(task);
  }

  describe(task) {
    const { taskId, began } = task;
    const times = { createdAt: new Date(began).toISOString(), lastUpdatedAt: new Date().toISOString(), ttlMs: TTL_MS, pollIntervalMs: POLL_MS };
    const with_ = (status, more = {}) => ({ taskId, status, ...times, ...more });
    if (task.cancelled) return with_('cancelled');
    const name = task.answers?.who?.content?.name;
    if (task.ask && name === undefined) {
      const params = { mode: 'form', message: 'For whom?', requestedSchema: { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] } };
      return with_('input_required', { inputRequests: { who: { method: 'elicitation/create', params } } });
    }
    if (Date.now() - began < WORKS_MS) return with_('working', { statusMessage: 'at work' });
    return with_('completed', { result: { content: [{ type: 'text', text: `done as a task${name === undefined ? '' : ` for ${name}`}` }] } });
  }
}
