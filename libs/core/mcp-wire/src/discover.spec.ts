import { describe, expect, it } from '@jest/globals';
import { serverDefinition } from '@mcpgw/contracts';
import { discoverServer, DISCOVERY_LIMITS, type SendRequest } from './discover.js';
import { legacyInitializeParams, readDiscoverResult, readInitializeResult, type Handshake } from './handshake.js';
import type { JsonObject } from './json-rpc.js';

const HANDSHAKE: Handshake = { era: 'legacy', protocolVersion: '2025-11-25', serverInfo: { name: 's', version: '1' }, capabilities: { tools: {}, resources: {}, prompts: {} }, instructions: undefined };
const tool = (name: string, more: JsonObject = {}) => ({ name, inputSchema: { type: 'object' }, ...more });

/** A server that answers each list from pages; methods that are left out are unknown. */
function server(pages: Readonly<Record<string, readonly JsonObject[]>>, asked: string[] = []): SendRequest {
  return async (method, params) => {
    asked.push(method);
    const page = pages[method]?.[Number(params['cursor'] ?? 0)];
    return page === undefined ? { error: { code: -32601, message: 'Method not found' } } : { result: { ...page } };
  };
}

describe('discoverServer', () => {
  it('follows pages, sorts, and keeps the items whole', async () => {
    const odd = tool('a', { _meta: { ui: 1 }, inputSchema: { type: 'object', $defs: { x: {} }, additionalProperties: false } });
    const found = await discoverServer(
      server({
        'tools/list': [{ tools: [tool('b'), tool('B')], nextCursor: '1' }, { tools: [odd] }],
        'resources/list': [{ resources: [{ uri: 'z://1', name: 'z' }, { uri: 'a://1', name: 'a' }] }],
        'prompts/list': [{ prompts: [{ name: 'p' }] }],
      }),
      HANDSHAKE,
    );
    expect(found.tools.map(({ name }) => name)).toEqual(['B', 'a', 'b']);
    expect(found.tools[1]).toEqual(odd);
    expect(found.resources.map(({ uri }) => uri)).toEqual(['a://1', 'z://1']);
    expect(found.resourceTemplates).toEqual([]);
    expect(found.dropped).toEqual([]);
    expect(serverDefinition.parse(found)).toEqual(found);
  });

  it('asks only for what the server says it has', async () => {
    const asked: string[] = [];
    await discoverServer(server({ 'prompts/list': [{ prompts: [] }] }, asked), { ...HANDSHAKE, capabilities: { prompts: {} } });
    expect(asked).toEqual(['prompts/list']);
  });

  it('drops invalid and repeated items, each with its reason', async () => {
    const tools = [tool('ok'), tool('ok', { description: 'another' }), { name: 'bare' }, { name: 'text', inputSchema: { type: 'string' } }, tool(''), tool('x'.repeat(3_000)), 7];
    const found = await discoverServer(server({ 'tools/list': [{ tools }], 'resources/list': [{ resources: [{ name: 'no uri' }] }] }), HANDSHAKE);
    expect(found.tools).toEqual([tool('ok')]);
    expect(found.dropped.map(({ kind, name, reason }) => [kind, name.slice(0, 4), reason.split(' ').slice(0, 2).join(' ')])).toEqual([
      ['tool', 'ok', 'offered twice:'],
      ['tool', 'bare', '"inputSchema" is'],
      ['tool', 'text', '"inputSchema" is'],
      ['tool', '', '"name" is'],
      ['tool', 'xxxx', '"name" has'],
      ['tool', '?', 'is not'],
      ['resource', '?', '"uri" is'],
    ]);
  });

  it('drops a tool whose header annotations are invalid, and says why', async () => {
    const annotated = (header: unknown) => ({ inputSchema: { type: 'object', properties: { region: { type: 'string', 'x-mcp-header': header } } } });
    const found = await discoverServer(server({ 'tools/list': [{ tools: [tool('good', annotated('Region')), tool('bad', annotated('no token'))] }] }), HANDSHAKE);
    expect(found.tools.map(({ name }) => name)).toEqual(['good']);
    expect(found.dropped).toMatchObject([{ kind: 'tool', name: 'bad', reason: expect.stringContaining('x-mcp-header') }]);
  });

  it('lists the skills of a server that declares them; their failure costs nothing else', async () => {
    const skilled = { ...HANDSHAKE, capabilities: { tools: {}, resources: {}, extensions: { 'io.modelcontextprotocol/skills': {} } } };
    const skill = { uri: 'skill://a/SKILL.md', frontmatter: { name: 'a', description: 'b' }, resources: [{ uri: 'skill://a/SKILL.md', digest: 'sha256:00', size: 1 }] };
    const found = await discoverServer(server({ 'tools/list': [{ tools: [tool('t')] }], 'skills/list': [{ skills: [skill, { frontmatter: {} }] }] }), skilled);
    expect(found.skills).toEqual([skill]);
    expect(found.dropped).toMatchObject([{ kind: 'skill', reason: expect.stringContaining('"uri"') }]);
    expect(serverDefinition.parse(found)).toEqual(found);
    const failing: SendRequest = async (method, params) => (method === 'skills/list' ? { error: { code: -32603, message: 'boom' } } : server({ 'tools/list': [{ tools: [tool('t')] }] })(method, params));
    expect(await discoverServer(failing, skilled)).toMatchObject({ tools: [{ name: 't' }], skills: [], dropped: [{ kind: 'skill', name: '*' }] });
  });

  it('stops at a cursor that repeats, at too many pages and at too many items, and says so', async () => {
    const endless: SendRequest = async () => ({ result: { tools: [], nextCursor: 'again' } });
    const only = { ...HANDSHAKE, capabilities: { tools: {} } };
    expect((await discoverServer(endless, only)).dropped).toMatchObject([{ name: '*', reason: expect.stringContaining('repeats a cursor') }]);
    let page = 0;
    const growing: SendRequest = async () => ({ result: { tools: [], nextCursor: String((page += 1)) } });
    expect((await discoverServer(growing, only)).dropped).toMatchObject([{ reason: expect.stringContaining('pages') }]);
    expect(page).toBe(DISCOVERY_LIMITS.pages);
    const flood = Array.from({ length: DISCOVERY_LIMITS.items + 5 }, (_, n) => tool(`t${n}`));
    const found = await discoverServer(server({ 'tools/list': [{ tools: flood }] }), only);
    expect([found.tools.length, found.dropped.length]).toEqual([DISCOVERY_LIMITS.items, 1]);
    const fat = Array.from({ length: 10 }, (_, n) => tool(`t${n}`, { description: 'x'.repeat(1_000_000) }));
    expect((await discoverServer(server({ 'tools/list': [{ tools: fat }] }), only)).tools).toHaveLength(4);
  });

  it('fails when a list is refused or is none', async () => {
    await expect(discoverServer(async () => ({ error: { code: -32603, message: 'boom' } }), HANDSHAKE)).rejects.toMatchObject({ code: 'upstream_failed', message: expect.stringContaining('tools/list') });
    await expect(discoverServer(async () => ({ result: { tools: 'x' } }), HANDSHAKE)).rejects.toMatchObject({ code: 'upstream_failed' });
  });
});

describe('handshakes', () => {
  it('advertise no client capability', () => {
    expect(legacyInitializeParams({ name: 'g', version: '1' })).toEqual({ protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'g', version: '1' } });
  });

  it('are read in both eras', () => {
    expect(readInitializeResult({ protocolVersion: '2024-11-05', capabilities: {}, serverInfo: { name: 'a', version: '1' }, instructions: 'be kind' })).toMatchObject({ ok: true, handshake: { era: 'legacy', protocolVersion: '2024-11-05', instructions: 'be kind' } });
    const meta = { 'io.modelcontextprotocol/serverInfo': { name: 'b', version: '2' } };
    expect(readDiscoverResult({ supportedVersions: ['2026-07-28'], capabilities: {}, _meta: meta })).toMatchObject({ ok: true, handshake: { era: 'modern', serverInfo: { name: 'b' } } });
    expect(readDiscoverResult({ supportedVersions: ['2026-07-28'], capabilities: {} })).toMatchObject({ ok: true });
  });

  it.each([
    [null],
    [{}],
    [{ protocolVersion: '1999-01-01', capabilities: {}, serverInfo: { name: 'a', version: '1' } }],
    [{ protocolVersion: '2025-11-25', serverInfo: { name: 'a', version: '1' } }],
    [{ protocolVersion: '2025-11-25', capabilities: {}, serverInfo: { name: 'a' } }],
    [{ protocolVersion: '2025-11-25', capabilities: {}, serverInfo: { name: 'a', version: '1' }, instructions: 1 }],
  ])('are refused with a reason when malformed: %j', (result) => {
    expect(readInitializeResult(result)).toEqual({ ok: false, reason: expect.any(String) });
    expect(readDiscoverResult(result)).toEqual({ ok: false, reason: expect.any(String) });
  });
});
