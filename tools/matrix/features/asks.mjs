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
  const outcome = await client.callTool(tool, {}).catch((error) => ({ error }));
  assert.ok(outcome.isError || typeof outcome.error?.code === 'number', `answered as if it had been asked: ${JSON.stringify(outcome).slice(0, 200)}`);
  assert.ok(outcome.error?.code !== -32001, 'the call was left waiting');
  assert.ok(!modes(client, 'elicitation/create').includes(mode), 'the client was asked what it does not know');
}
