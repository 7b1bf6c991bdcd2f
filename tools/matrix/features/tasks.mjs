import assert from 'node:assert/strict';
import { textOf } from './lists.mjs';

const CAPABILITIES = { elicitation: { form: {} }, extensions: { 'io.modelcontextprotocol/tasks': {} } };

export async function tasks(client, { signal }) {
  await (client.modern ? brokered(client.raw(), signal) : waitedFor(client));
}

/** A client that can't know tasks makes a plain call, which waits. */
async function waitedFor(client) {
  assert.equal(textOf(await client.callTool('job', {})), 'done as a task');
  if (client.version >= '2025-06-18') assert.equal(textOf(await client.callTool('job', { ask: true })), 'done as a task for Ada');
}

async function brokered(link, signal) {
  const ask = async (method, params) => {
    const { result, error } = await link.request(method, params, CAPABILITIES, signal);
    assert.ok(result, `${method}: ${error?.code} ${error?.message}`);
    return result;
  };
  const begin = async (args) => {
    const task = await ask('tools/call', { name: 'job', arguments: args });
    assert.equal(task.resultType, 'task');
    return task.taskId;
  };
  const until = async (taskId, status) => {
    for (;;) {
      const task = await ask('tasks/get', { taskId });
      if (task.status === status) return task;
      assert.ok(['working', 'input_required'].includes(task.status), `the task is ${task.status}`);
    }
  };
  assert.equal(textOf((await until(await begin({}), 'completed')).result), 'done as a task');
  const asking = await begin({ ask: true });
  const [key] = Object.keys((await until(asking, 'input_required')).inputRequests);
  await ask('tasks/update', { taskId: asking, inputResponses: { [key]: { action: 'accept', content: { name: 'Ada' } } } });
  assert.equal(textOf((await until(asking, 'completed')).result), 'done as a task for Ada');
  const unwanted = await begin({});
  await ask('tasks/cancel', { taskId: unwanted });
  await until(unwanted, 'cancelled');
  const { error } = await link.request('tasks/get', { taskId: 'made-up' }, CAPABILITIES, signal);
  assert.equal(error?.code, -32602);
}
