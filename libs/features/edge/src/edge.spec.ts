import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { registryChanged } from '@mcpgw/contracts';
import { echo, organization, request, TestEdge, until, type TestKey } from './edge.fixture.js';

describe('the edge over HTTP', () => {
  const edge = new TestEdge();
  let agent: TestKey;

  beforeAll(async () => {
    edge.registry.views.set('acme', organization());
    agent = edge.addKey('acme', 'agent');
    await edge.start();
  });
  afterAll(() => edge.close());
  beforeEach(() => {
    edge.entries.written.length = 0;
    edge.runner.answer = echo;
  });

  it('lists the tools of all servers under stable names, in one order', async () => {
    const { body } = await edge.post(agent.key, request('tools/list'));
    const tools = (body.result as unknown as { tools: { name: string; _meta: object }[] }).tools;
    expect(tools.map(({ name }) => name)).toEqual([expect.stringMatching(/^crm__get_customer_[0-9a-f]{8}$/), 'files__read_file', 'files__write_file']);
    expect(tools[1]?._meta).toEqual({ kept: true });
  });

  it('calls a tool under its own name and answers plain JSON', async () => {
    const { status, headers, body } = await edge.post(agent.key, request('tools/call', { name: 'files__read_file', arguments: { path: 'a' } }, 'x'));
    expect(status).toBe(200);
    expect(headers.get('content-type')).toMatch(/^application\/json/);
    expect(body).toMatchObject({ id: 'x', result: { content: [{ text: JSON.stringify({ server: 'files', name: 'read_file', arguments: { path: 'a' } }) }] } });
  });

  it('writes an intent on disk before the call, and one outcome that closes it', async () => {
    let intents = 0;
    edge.runner.answer = (call) => {
      intents = edge.entries.of('tools/call').length;
      return echo(call);
    };
    await edge.post(agent.key, request('tools/call', { name: 'files__read_file', arguments: { path: 'a' } }));
    expect(intents).toBe(1);
    const [intent, outcome, ...rest] = edge.entries.of('tools/call');
    expect(rest).toEqual([]);
    expect(intent).toMatchObject({ phase: 'intent', until: 'fsynced', organization: 'acme', server: 'files', target: 'read_file', principal: { consumer: 'agent', keyId: agent.id, roles: ['agent'] }, decision: { effect: 'permit', ruleIds: ['agent#1'] }, request: { argumentsHmac: expect.stringMatching(/^[0-9a-f]{64}$/) } });
    expect(outcome).toMatchObject({ phase: 'outcome', intentId: intent?.entryId, callId: intent?.callId, outcome: { status: 'ok', resultDigest: expect.stringMatching(/^[0-9a-f]{64}$/) } });
    expect(JSON.stringify(edge.entries.written)).not.toContain('"path"');
  });

  it('shows one server under its own names on its route, and several with prefix', async () => {
    const names = async (where: string) => ((await edge.post(agent.key, request('tools/list'), {}, where)).body.result as unknown as { tools: { name: string }[] }).tools.map(({ name }) => name);
    expect(await names('/mcp/plain')).toEqual(['read_file', 'write_file']);
    expect(await names('/mcp/both')).toHaveLength(3);
    const { body } = await edge.post(agent.key, request('tools/call', { name: 'read_file' }), {}, '/mcp/plain');
    expect(body.result).toBeDefined();
  });

  it('answers 404 with a JSON-RPC error for a route that does not exist', async () => {
    const { status, body } = await edge.post(agent.key, request('tools/list', {}, 7), {}, '/mcp/nowhere');
    expect({ status, id: body.id }).toEqual({ status: 404, id: 7 });
    expect(body.error.message).toContain('nowhere');
  });

  describe('identity', () => {
    it.each([
      ['no key', undefined],
      ['a malformed key', 'mcpgw_short'],
      ['an unknown key', `mcpgw_${'a'.repeat(12)}_${'b'.repeat(43)}`],
      ['something else', 'hello'],
    ])('refuses %s with 401, in the operator log', async (_what, key) => {
      const { status, headers, body } = await edge.post(key, request('tools/list'));
      expect(status).toBe(401);
      expect(headers.get('www-authenticate')).toBe('Bearer');
      expect(body.error.code).toBe(-31401);
      expect(edge.entries.written).toMatchObject([{ phase: 'denied', organization: 'operator', method: 'unparsed', outcome: { code: 'unauthenticated' } }]);
    });

    it('refuses a key with another secret half', async () => {
      const forged = agent.key.slice(0, -43) + 'A'.repeat(43);
      expect((await edge.post(forged, request('ping'))).status).toBe(401);
    });

    it('refuses a key from its expiry on', async () => {
      const expired = edge.addKey('acme', 'agent', new Date(Date.now() - 1).toISOString());
      const lasting = edge.addKey('acme', 'agent', new Date(Date.now() + 60_000).toISOString());
      await until(async () => (await edge.post(lasting.key, request('ping'))).status === 200);
      expect((await edge.post(expired.key, request('ping'))).status).toBe(401);
    });

    it('refuses a revoked key within a second', async () => {
      const doomed = edge.addKey('acme', 'agent');
      await until(async () => (await edge.post(doomed.key, request('ping'))).status === 200);
      edge.registry.change('acme', (view) => ({ ...view, keys: view.keys.filter(({ id }) => id !== doomed.id) }));
      const since = Date.now();
      edge.bus.publish(registryChanged, { organization: 'acme' as never, revision: 0 });
      await until(async () => (await edge.post(doomed.key, request('ping'))).status === 401);
      expect(Date.now() - since).toBeLessThan(1_000);
    });
  });

  describe('policy', () => {
    const NOT_WRITE = (roles: readonly string[], _action: string, _server: string, target: string) => roles.length > 0 && target !== 'write_file';
    afterAll(() => edge.policy.change((roles) => roles.length > 0));

    it('neither lists nor calls what is denied, and answers as for what does not exist', async () => {
      edge.policy.change(NOT_WRITE);
      const { body } = await edge.post(agent.key, request('tools/list'));
      expect(JSON.stringify(body)).not.toContain('write_file');
      const denied = await edge.post(agent.key, request('tools/call', { name: 'files__write_file' }));
      const unknown = await edge.post(agent.key, request('tools/call', { name: 'files__write_fils' }));
      expect(denied.status).toBe(200);
      expect(denied.text.replace('write_file', '')).toBe(unknown.text.replace('write_fils', ''));
      expect(denied.body.error.code).toBe(-32602);
      expect(edge.entries.of('tools/call')).toMatchObject([
        { phase: 'denied', target: 'write_file', decision: { effect: 'deny' }, outcome: { code: 'not_found' } },
        { phase: 'denied', outcome: { code: 'not_found' } },
      ]);
    });

    it('says why arguments are refused, and never calls', async () => {
      const before = edge.runner.calls.length;
      const { status, body } = await edge.post(agent.key, request('tools/call', { name: 'files__read_file', arguments: { forbidden: 1 } }));
      expect(status).toBe(200);
      expect(body.error).toEqual({ code: -31403, message: 'Leave out "forbidden".' });
      expect(edge.runner.calls).toHaveLength(before);
      expect(edge.entries.of('tools/call')).toMatchObject([{ phase: 'denied', decision: { effect: 'deny', ruleIds: ['agent#2'], reason: 'rule agent#2' } }]);
    });

    it('takes a completion for the use of what it completes', async () => {
      edge.policy.change((roles, action) => roles.length > 0 && action !== 'prompts/get');
      const prompt = await edge.post(agent.key, request('completion/complete', { ref: { type: 'ref/prompt', name: 'files__greet' }, argument: { name: 'who', value: '' } }));
      const template = await edge.post(agent.key, request('completion/complete', { ref: { type: 'ref/resource', uri: 'files+note://files/{id}' }, argument: { name: 'id', value: '' } }));
      expect(prompt.body.error.code).toBe(-32602);
      expect(template.body.result).toEqual({ completion: { values: ['one', 'two'] } });
      expect(edge.runner.calls.at(-1)).toMatchObject({ params: { ref: { uri: 'note://files/{id}' } } });
    });
  });

  describe('resources and prompts', () => {
    it('reads a listed resource and one that a template makes, under the names it shows', async () => {
      for (const uri of ['files+note://files/1', 'files+note://files/99']) {
        const { body } = await edge.post(agent.key, request('resources/read', { uri }));
        expect(body.result).toEqual({ contents: [{ uri, text: `content of ${uri.slice('files+'.length)}` }] });
      }
    });

    it('makes resource links in results readable through the gateway', async () => {
      edge.runner.answer = () => ({ result: { content: [{ type: 'resource_link', uri: 'note://files/2', name: 'n' }, { type: 'resource', resource: { uri: 'note://files/3', text: '' } }] } });
      const { body } = await edge.post(agent.key, request('tools/call', { name: 'files__read_file' }));
      expect(body.result).toEqual({ content: [{ type: 'resource_link', uri: 'files+note://files/2', name: 'n' }, { type: 'resource', resource: { uri: 'files+note://files/3', text: '' } }] });
    });

    it('says resource not found in the words of the era', async () => {
      const { body } = await edge.post(agent.key, request('resources/read', { uri: 'nobody+note://1' }));
      expect(body.error).toMatchObject({ code: -32002, data: { uri: 'nobody+note://1' } });
    });

    it('gets a prompt', async () => {
      const { body } = await edge.post(agent.key, request('prompts/get', { name: 'crm__greet' }));
      expect(body.result).toMatchObject({ messages: [{ content: { text: 'greet' } }] });
    });
  });

  describe('faults', () => {
    it('passes the own error of an upstream', async () => {
      edge.runner.answer = () => ({ error: { code: -32000, message: 'no', data: { a: 1 } } });
      const { body } = await edge.post(agent.key, request('tools/call', { name: 'files__read_file' }));
      expect(body.error).toEqual({ code: -32000, message: 'no', data: { a: 1 } });
      expect(edge.entries.of('tools/call')[1]).toMatchObject({ phase: 'outcome', outcome: { status: 'error', code: '-32000' } });
    });

    it('marks a tool error as such', async () => {
      edge.runner.answer = () => ({ result: { content: [], isError: true } });
      await edge.post(agent.key, request('tools/call', { name: 'files__read_file' }));
      expect(edge.entries.of('tools/call')[1]).toMatchObject({ outcome: { status: 'tool_error' } });
    });

    it('refuses everything while the spool is full, but says that it lives', async () => {
      edge.entries.full = true;
      const { status, headers, body } = await edge.post(agent.key, request('tools/list'));
      edge.entries.full = false;
      expect(status).toBe(503);
      expect(headers.get('retry-after')).not.toBeNull();
      expect(body.error.code).toBe(-31503);
      expect((await fetch(`${edge.url}/healthz`)).status).toBe(200);
      expect(edge.entries.written).toEqual([]);
    });

    it('does not call when the intent can not be written', async () => {
      const before = edge.runner.calls.length;
      edge.entries.failing = 'fsynced';
      const { status } = await edge.post(agent.key, request('tools/call', { name: 'files__read_file' }));
      edge.entries.failing = undefined;
      expect(status).toBe(503);
      expect(edge.runner.calls).toHaveLength(before);
    });
  });

  it('keeps answers of clients with the same ids apart', async () => {
    edge.runner.answer = async (call) => {
      await new Promise((resolve) => setImmediate(resolve));
      return echo(call);
    };
    const answers = await Promise.all(Array.from({ length: 200 }, (_, i) => edge.post(agent.key, request('tools/call', { name: 'files__read_file', arguments: { path: String(i) } }, 1))));
    answers.forEach(({ body }, i) => expect(JSON.stringify(body)).toContain(`\\"path\\":\\"${i}\\"`));
  });
});
