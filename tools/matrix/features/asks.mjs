import assert from 'node:assert/strict';
import { textOf } from './lists.mjs';

const modes = (client, method) => client.heard.asked.filter((one) => one.method === method).map(({ mode }) => mode);

export async function sampling(client) {
  assert.equal(textOf(await client.callTool('ask_sampling', {})), 'sampled word');
}

export async function roots(client) {
  assert.equal(textOf(await client.callTool('ask_roots', {})), 'roots file:///matrix');
}

/** Two questions, one after the other, in one call. */
export async function form(client) {
  assert.equal(textOf(await client.callTool('ask_form', {})), 'accept Ada accept Lovelace');
}

export async function url(client) {
  assert.equal(textOf(await client.callTool('ask_url', {})), 'visited accept');
}

export const formRefused = (client) => refused(client, 'ask_form', 'form');
export const urlRefused = (client) => refused(client, 'ask_url', 'url');

async function refused(client, tool, mode) {
  await refusedClearly(client, tool);
  assert.ok(!modes(client, 'elicitation/create').includes(mode), 'the client was asked what it does not know');
}

/** The same consumer once more, as a client that can be asked nothing: it gets clear answers and no questions. */
export async function undeclared(_, { another, server }) {
  const silent = await another({ silent: true });
  try {
    for (const tool of ['ask_sampling', 'ask_roots', ...(server.version >= '2025-06-18' ? ['ask_form'] : [])]) await refusedClearly(silent, tool);
    assert.equal(textOf(await silent.callTool('echo', { text: 'still here' })), 'still here');
    assert.deepEqual(silent.heard.asked, []);
  } finally {
    await silent.close();
  }
}

async function refusedClearly(client, tool) {
  const outcome = await client.callTool(tool, {}).catch((error) => ({ error }));
  assert.ok(outcome.isError || typeof outcome.error?.code === 'number', `answered as if it had been asked: ${JSON.stringify(outcome).slice(0, 200)}`);
  assert.ok(outcome.error?.code !== -32001, 'the call was left waiting');
}
