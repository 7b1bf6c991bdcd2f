import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { all, textOf } from './lists.mjs';

const KINDS = [
  ['tools', 'tools/list', 'tools', (name) => (item) => item.name === name],
  ['prompts', 'prompts/list', 'prompts', (name) => (item) => item.name === name],
  ['resources', 'resources/list', 'resources', (name) => (item) => item.uri === `matrix://${name}`],
];

/** Something new of each kind comes and goes: both times the client is told, and the list is then right. */
export async function listChanged(client, { signal }) {
  const name = `new_${randomUUID().slice(0, 8)}`;
  const end = await client.followLists();
  try {
    for (const [tool, expected] of [['publish', true], ['retract', false]]) {
      client.heard.notifications.length = 0;
      await client.callTool(tool, { name });
      for (const [kind, method, key, is] of KINDS) {
        await client.heard.until(`notifications/${kind}/list_changed`, undefined, signal);
        // Lists are told of together or one by one: the right one may need another moment.
        while ((await all(client, method, key)).some(is(name)) !== expected) {
          signal.throwIfAborted();
          await new Promise((resolve) => setTimeout(resolve, 100));
        }
      }
    }
  } finally {
    await client.callTool('retract', { name }).catch(() => {});
    await end();
  }
}

/** Each of several changes is told: one notification may also come for the time before the subscription stood. */
export async function resourceUpdates(client, { signal }) {
  const end = await client.watch('matrix://watched');
  try {
    for (let change = 1; change <= 3; change++) {
      client.heard.notifications.length = 0;
      const text = `change ${change} ${randomUUID()}`;
      assert.equal(textOf(await client.callTool('touch', { text })), 'written');
      await client.heard.until('notifications/resources/updated', ({ uri }) => uri === 'matrix://watched', signal);
      assert.equal((await client.readResource('matrix://watched')).contents[0].text, text);
    }
  } finally {
    await end();
  }
}
