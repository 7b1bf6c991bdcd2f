import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { organizationConfig, routeConfig, serverDefinition, type ServerView } from '@mcpgw/contracts';
import { echo, organization, request, server, TestEdge, until, type TestKey } from '../edge.fixture.js';

const VERSION = '2026-07-28';
const ENVELOPE = { 'io.modelcontextprotocol/protocolVersion': VERSION, 'io.modelcontextprotocol/clientCapabilities': {} };
const SKILLS = 'io.modelcontextprotocol/skills';
const skill = (name: string) => ({
  uri: `skill://${name}/SKILL.md`,
  frontmatter: { name, description: `How to ${name}` },
  resources: [{ uri: `skill://${name}/SKILL.md`, digest: `sha256:${'0'.repeat(64)}`, size: 3 }],
});
const APP = { uri: 'ui://weather/app.html', name: 'app', mimeType: 'text/html;profile=mcp-app', _meta: { ui: { csp: { connectDomains: ['https://api.example.com', 'https://evil.example.net'] } } } };

function extended(name: string, more: Partial<NonNullable<ServerView['definition']>>, era: 'legacy' | 'modern' = 'modern'): ServerView {
  const base = server('acme', name, ['show'], era);
  return { ...base, definition: serverDefinition.parse({ ...base.definition, ...more }) };
}

describe('extensions', () => {
  const edge = new TestEdge();
  let agent: TestKey;

  beforeAll(async () => {
    const capabilities = (extensions: object) => ({ tools: {}, resources: {}, extensions });
    const tools = [{ name: 'show', inputSchema: { type: 'object' as const }, _meta: { ui: { resourceUri: APP.uri, visibility: ['model'] }, 'ui/resourceUri': APP.uri } }];
    const servers = [
      extended('one', { capabilities: capabilities({ [SKILLS]: { directoryRead: true }, 'com.example/unknown': { level: 2 } }), skills: [skill('refunds'), skill('shared')], tools, resources: [APP] }),
      extended('two', { capabilities: capabilities({ [SKILLS]: {} }), skills: [skill('shared')], tools, resources: [APP] }),
      extended('old', {}, 'legacy'),
      extended('old-extended', { capabilities: capabilities({ 'com.example/unknown': {} }) }, 'legacy'),
    ];
    const route = (name: string, ...names: string[]) => routeConfig.parse({ organization: 'acme', name, servers: names });
    edge.registry.views.set(
      'acme',
      organization('acme', {
        organization: organizationConfig.parse({ name: 'acme', apps: { connectDomains: ['https://api.example.com'] } }),
        servers,
        routes: [route('one', 'one'), route('old', 'old'), route('old-extended', 'old-extended'), route('both', 'one', 'two', 'old'), routeConfig.parse({ organization: 'acme', name: 'needed', servers: ['one', 'two'], prefix: 'when-needed' })],
      }),
    );
    agent = edge.addKey('acme', 'agent');
    await edge.start();
  });
  afterAll(() => edge.close());
  beforeEach(() => {
    edge.entries.written.length = 0;
    edge.runner.answer = echo;
    edge.policy.change((roles) => roles.length > 0);
  });

  const modern = (route: string, method: string, params: Record<string, unknown> = {}) => {
    const name = params['name'] ?? (method === 'resources/read' ? params['uri'] : undefined);
    return edge.post(agent.key, request(method, { ...params, _meta: ENVELOPE }), { 'mcp-protocol-version': VERSION, 'mcp-method': method, ...(typeof name === 'string' ? { 'mcp-name': name } : {}) }, `/mcp/${route}`);
  };
  const resultOf = async (...args: Parameters<typeof modern>) => (await modern(...args)).body.result as unknown as Record<string, unknown>;

  describe('advertised', () => {
    it('are whatever the server does on a transparent route, and what is known to work on others', async () => {
      const of = async (route: string) => ((await resultOf(route, 'server/discover'))['capabilities'] as Record<string, unknown>)['extensions'];
      expect(await of('one')).toEqual({ [SKILLS]: { directoryRead: true }, 'com.example/unknown': { level: 2 } });
      expect(await of('both')).toEqual({ [SKILLS]: { directoryRead: true } });
      expect(await of('old')).toBeUndefined();
      const { body } = await edge.post(agent.key, request('initialize', { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'spec', version: '1' } }), {}, '/mcp/old-extended');
      expect(body.result).toMatchObject({ capabilities: { extensions: { 'com.example/unknown': {} } } });
    });
  });

  describe('methods', () => {
    const strange = { resultType: 'strange', value: { deep: [1] }, _meta: { 'com.example/key': 1 } };

    it('that the gateway does not know go to the server of a transparent route, untouched both ways, written down', async () => {
      edge.runner.answer = () => ({ result: strange });
      expect(await resultOf('one', 'com.example/do', { a: 1 })).toMatchObject(strange);
      expect(edge.runner.calls.at(-1)).toMatchObject({ server: 'one', method: 'com.example/do', params: { a: 1 } });
      expect(edge.entries.of('com.example/do')).toMatchObject([
        { phase: 'intent', server: 'one', target: 'com.example/do', request: { argumentsHmac: expect.any(String) } },
        { phase: 'outcome', outcome: { status: 'ok' } },
      ]);
    });

    it('that the server does not know are HTTP 404 in the modern era', async () => {
      edge.runner.answer = () => ({ error: { code: -32601, message: 'Method not found' } });
      expect(await modern('one', 'com.example/other')).toMatchObject({ status: 404, body: { error: { code: -32601 } } });
    });

    it('reach a legacy server that declares an extension, and no other', async () => {
      edge.runner.answer = () => ({ result: { ok: true } });
      expect((await modern('old-extended', 'example/do')).body.result).toMatchObject({ ok: true });
      expect(await modern('old', 'example/do')).toMatchObject({ status: 404, body: { error: { code: -32601 } } });
    });

    it.each([
      ['on a route of several servers', 'both', 'example/do'],
      ['that the protocol keeps for itself', 'one', 'sampling/createMessage'],
      ['that look like notifications', 'one', 'notifications/x'],
      ['with odd names', 'one', 'a b'],
      ['with endless names', 'one', 'x'.repeat(500)],
    ])('are unknown %s', async (_what, route, method) => {
      const before = edge.runner.calls.length;
      expect(await modern(route, method)).toMatchObject({ status: 404, body: { error: { code: -32601 } } });
      expect(edge.runner.calls).toHaveLength(before);
    });

    it('that are not allowed answer as those that do not exist', async () => {
      edge.policy.change((roles, action) => roles.length > 0 && action !== 'extensions/call');
      const denied = await modern('one', 'example/do');
      const unknown = await modern('old', 'example/do');
      expect({ status: denied.status, text: denied.text }).toEqual({ status: unknown.status, text: unknown.text });
      expect(edge.entries.of('example/do')).toMatchObject([{ phase: 'denied', decision: { effect: 'deny' } }, { phase: 'denied' }]);
    });
  });

  describe('skills', () => {
    it('of several servers are listed together, each under a name of its own, with its digests', async () => {
      const { skills, ttlMs, cacheScope } = await resultOf('both', 'skills/list');
      expect((skills as { uri: string }[]).map(({ uri }) => uri)).toEqual(['skill://one+/refunds/SKILL.md', 'skill://one+/shared/SKILL.md', 'skill://two+/shared/SKILL.md']);
      expect((skills as object[])[0]).toEqual({ ...skill('refunds'), uri: 'skill://one+/refunds/SKILL.md', resources: [{ ...skill('refunds').resources[0], uri: 'skill://one+/refunds/SKILL.md' }] });
      expect({ ttlMs, cacheScope }).toEqual({ ttlMs: 5_000, cacheScope: 'private' });
    });

    it('are got and looked into by their shown names, and read as the resources that they are', async () => {
      edge.runner.answer = ({ method, params }) => {
        if (method === 'skills/get') return { result: { skill: skill('refunds'), ttlMs: 1, cacheScope: 'public' } };
        if (method === 'resources/directory/read') return { result: { resources: [{ uri: `${String(params['uri'])}/a.md`, name: 'a' }] } };
        return { result: { contents: [{ uri: params['uri'], text: 'x' }] } };
      };
      const uri = 'skill://one+/refunds/SKILL.md';
      expect(await resultOf('both', 'skills/get', { uri })).toMatchObject({ skill: { uri, resources: [{ uri, digest: `sha256:${'0'.repeat(64)}` }] }, cacheScope: 'private' });
      expect(edge.runner.calls.at(-1)).toMatchObject({ server: 'one', params: { uri: 'skill://refunds/SKILL.md' } });
      expect(await resultOf('both', 'resources/directory/read', { uri: 'skill://one+/refunds' })).toMatchObject({ resources: [{ uri: 'skill://one+/refunds/a.md' }] });
      expect(await resultOf('both', 'resources/read', { uri })).toMatchObject({ contents: [{ uri, text: 'x' }] });
      expect(edge.runner.calls.at(-1)).toMatchObject({ server: 'one', params: { uri: 'skill://refunds/SKILL.md' } });
    });

    it('are whatever the server says on a transparent route', async () => {
      expect((await resultOf('one', 'skills/list'))['skills']).toEqual([skill('refunds'), skill('shared')]);
      edge.runner.answer = () => ({ result: { skill: skill('refunds') } });
      expect(await resultOf('one', 'skills/get', { uri: 'skill://refunds/SKILL.md' })).toMatchObject({ skill: skill('refunds') });
    });

    it('are neither listed nor told apart from missing ones without the right to get them', async () => {
      edge.policy.change((roles, action, name) => roles.length > 0 && (action !== 'extensions/call' || name === 'two'));
      expect((await resultOf('both', 'skills/list'))['skills']).toMatchObject([{ uri: 'skill://two+/shared/SKILL.md' }]);
      const denied = await modern('both', 'skills/get', { uri: 'skill://one+/refunds/SKILL.md' });
      const unknown = await modern('both', 'skills/get', { uri: 'skill://old+/refunds/SKILL.md' });
      expect(denied.text.replaceAll('one+', '')).toBe(unknown.text.replaceAll('old+', ''));
      expect(denied.body.error).toMatchObject({ code: -32602, data: { uri: 'skill://one+/refunds/SKILL.md' } });
    });

    it('are an unknown method where no server has any', async () => {
      for (const method of ['skills/list', 'skills/get', 'resources/directory/read']) expect((await modern('old', method, { uri: 'skill://x' })).body.error.code).toBe(-32601);
    });
  });

  describe('apps', () => {
    const toolsOf = async (route: string) => (await resultOf(route, 'tools/list'))['tools'] as { name: string; _meta: { ui: { resourceUri: string }; 'ui/resourceUri': string } }[];
    const resourcesOf = async (route: string) => (await resultOf(route, 'resources/list'))['resources'] as { uri: string; _meta: { ui: { csp: object } } }[];

    it.each(['both', 'needed'])('are linked by the URIs under which they are listed and read (%s)', async (route) => {
      edge.runner.answer = () => ({ result: { contents: [{ ...APP, text: '<html>' }] } });
      const tools = (await toolsOf(route)).filter(({ name }) => /^(one|two)__/.test(name));
      const resources = await resourcesOf(route);
      expect(tools).toHaveLength(2);
      for (const { _meta } of tools) {
        const uri = _meta.ui.resourceUri;
        expect(uri).toMatch(/^ui:\/\/(one|two)\+\/weather\/app\.html$/);
        expect(_meta).toEqual({ ui: { resourceUri: uri, visibility: ['model'] }, 'ui/resourceUri': uri });
        expect(resources.map((resource) => resource.uri)).toContain(uri);
        expect(await resultOf(route, 'resources/read', { uri })).toMatchObject({ contents: [{ uri, text: '<html>' }] });
        expect(edge.runner.calls.at(-1)).toMatchObject({ params: { uri: APP.uri } });
      }
    });

    it('are linked from results, and embedded in them, by the same URIs', async () => {
      edge.runner.answer = () => ({ result: { content: [{ type: 'resource', resource: { ...APP, text: '<html>' } }], _meta: { kept: 1, ui: { resourceUri: APP.uri } } } });
      const uri = 'ui://one+/weather/app.html';
      expect(await resultOf('both', 'tools/call', { name: 'one__show' })).toMatchObject({
        content: [{ resource: { uri, _meta: { ui: { csp: { connectDomains: ['https://api.example.com'] } } } } }],
        _meta: { kept: 1, ui: { resourceUri: uri } },
      });
      expect(await resultOf('one', 'tools/call', { name: 'show' })).toMatchObject({ content: [{ resource: { uri: APP.uri } }], _meta: { ui: { resourceUri: APP.uri } } });
    });

    it('keep their URIs on a transparent route', async () => {
      expect((await toolsOf('one'))[0]?._meta).toEqual({ ui: { resourceUri: APP.uri, visibility: ['model'] }, 'ui/resourceUri': APP.uri });
      expect((await resourcesOf('one'))[0]?.uri).toBe(APP.uri);
    });

    it('may use the origins that the configuration names, on every route; the status tells what was cut', async () => {
      edge.runner.answer = () => ({ result: { contents: [{ ...APP, text: '<html>' }] } });
      for (const [route, uri] of [['one', APP.uri], ['both', 'ui://one+/weather/app.html']] as const) {
        expect((await resourcesOf(route)).find((resource) => resource.uri === uri)?._meta.ui.csp).toEqual({ connectDomains: ['https://api.example.com'] });
        expect(await resultOf(route, 'resources/read', { uri })).toMatchObject({ contents: [{ _meta: { ui: { csp: { connectDomains: ['https://api.example.com'] } } } }] });
      }
      expect(edge.health.status().details['appDomainsRemoved']).toMatchObject({ acme: expect.arrayContaining(['one connectDomains https://evil.example.net']) });
    });
  });

  it('are gone from lists with the server that had them', async () => {
    edge.registry.change('acme', (view) => ({ ...view, servers: view.servers.filter(({ config }) => config.name !== 'two') }));
    await until(async () => ((await resultOf('both', 'skills/list'))['skills'] as object[]).length === 2);
    expect((await modern('both', 'skills/get', { uri: 'skill://two+/shared/SKILL.md' })).body.error.code).toBe(-32602);
  });
});
