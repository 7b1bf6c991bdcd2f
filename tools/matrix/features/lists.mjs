import assert from 'node:assert/strict';

/** Follows the cursors to the end. */
export async function all(client, method, key) {
  const items = [];
  for (let cursor, pages = 0; ; pages++) {
    assert.ok(pages < 64, `${method} never ends`);
    const result = await client.listPage(method, cursor);
    items.push(...result[key]);
    cursor = result.nextCursor;
    if (cursor === undefined) return items;
  }
}

export const textOf = (result) => result.content?.map(({ text }) => text).join('\n');

export async function refusal(promise) {
  return promise.then(
    (result) => assert.fail(`was answered: ${JSON.stringify(result).slice(0, 200)}`),
    (error) => error,
  );
}

export async function tools(client) {
  const listed = await all(client, 'tools/list', 'tools');
  const echo = listed.find(({ name }) => name === 'echo');
  assert.equal(echo?.inputSchema.properties.text.type, 'string');
  assert.equal(textOf(await client.callTool('echo', { text: 'Grüße 👋' })), 'Grüße 👋');
  const failed = await client.callTool('fail', {});
  assert.deepEqual([failed.isError, textOf(failed)], [true, 'as it was told to']);
  assert.equal((await refusal(client.callTool('no_such_tool', {}))).code, -32602);
}

export async function resources(client) {
  const listed = await all(client, 'resources/list', 'resources');
  assert.ok(listed.some(({ uri }) => uri === 'matrix://plain'), 'the resource is not listed');
  const read = await client.readResource('matrix://plain');
  assert.deepEqual(read.contents.map(({ uri, text }) => [uri, text]), [['matrix://plain', 'text of matrix://plain']]);
  const error = await refusal(client.readResource('matrix://nowhere'));
  assert.ok([-32002, -32602].includes(error.code), `unknown resource: ${error.code}`);
}

export async function templates(client) {
  const listed = await all(client, 'resources/templates/list', 'resourceTemplates');
  assert.deepEqual(listed.map(({ uriTemplate }) => uriTemplate), ['matrix://item/{id}']);
  assert.equal((await client.readResource('matrix://item/42')).contents[0].text, 'item 42');
}

export async function prompts(client) {
  const listed = await all(client, 'prompts/list', 'prompts');
  assert.equal(listed.find(({ name }) => name === 'greet')?.arguments[0].name, 'name');
  assert.equal((await client.getPrompt('greet', { name: 'Ada' })).messages[0].content.text, 'Greet Ada.');
  assert.equal((await refusal(client.getPrompt('no_such_prompt', {}))).code, -32602);
}

export async function completion(client) {
  const argument = { name: 'name', value: 'a' };
  const prompt = await client.request('completion/complete', { ref: { type: 'ref/prompt', name: 'greet' }, argument });
  assert.deepEqual(prompt.completion.values, ['Ada', 'Alan']);
  const template = await client.request('completion/complete', { ref: { type: 'ref/resource', uri: 'matrix://item/{id}' }, argument: { name: 'id', value: 'g' } });
  assert.deepEqual(template.completion.values, ['Grace']);
}

/** The server gives out five items a page: who sees the last tool has all pages. */
export async function pagination(client) {
  const names = (await all(client, 'tools/list', 'tools')).map(({ name }) => name);
  assert.ok(names.includes('filler_11'), 'tools of the last page are missing');
  assert.equal(new Set(names).size, names.length, 'a tool is listed twice');
  assert.equal((await refusal(client.listPage('tools/list', 'made-up'))).code, -32602);
}
