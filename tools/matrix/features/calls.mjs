import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { textOf } from './lists.mjs';

export async function progress(client) {
  const steps = [];
  const result = await client.callTool('count', {}, { onprogress: ({ progress: step, total }) => steps.push([step, total]) });
  assert.equal(textOf(result), 'counted');
  assert.deepEqual(steps, [[1, 4], [2, 4], [3, 4], [4, 4]]);
}

/** The server itself says that it was told. */
export async function cancellation(client, { signal }) {
  const key = randomUUID();
  const abort = new AbortController();
  const call = client.callTool('slow', { key }, { signal: abort.signal }).then(
    () => assert.fail('the cancelled call was answered'),
    () => {},
  );
  await status(client, key, 'running', signal);
  abort.abort(new Error('enough'));
  await call;
  await status(client, key, 'cancelled', signal);
}

async function status(client, key, wanted, signal) {
  for (let now; now !== wanted; ) {
    signal.throwIfAborted();
    now = textOf(await client.callTool('status', { key }));
  }
}

export async function logging(client, { signal }) {
  const [loud, quiet] = [randomUUID(), randomUUID()];
  await client.callLogging('error', 'log', { text: quiet });
  await client.callLogging('debug', 'log', { text: loud });
  await client.heard.until('notifications/message', ({ level, data }) => level === 'warning' && data === `warning ${loud}`, signal);
  await client.heard.until('notifications/message', ({ level, data }) => level === 'debug' && data === `debug ${loud}`, signal);
  assert.ok(!client.heard.notifications.some(({ params }) => String(params.data).includes(quiet)), 'messages below the level were told');
}

export async function traceContext(client) {
  const [trace, span] = [randomBytes(16).toString('hex'), randomBytes(8).toString('hex')];
  const seen = JSON.parse(textOf(await client.callTool('trace', {}, { meta: { traceparent: `00-${trace}-${span}-01` } })));
  assert.equal(seen?.split('-')[1], trace, 'the server sees another trace');
}
