import { once } from 'node:events';
import { createServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { edgeDiscover, routeConfig, serverConfig, type ServerView } from '@mcpgw/contracts';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { SkillsClient } from '@modelcontextprotocol/client/ext/skills';
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server';
import { memorySkillFiles, SkillsExtension } from '@modelcontextprotocol/server/ext/skills';
import { organization, request, TestEdge, until, type TestKey } from '../edge.fixture.js';

/** The official SDK's server with one skill of its own and one that both servers have by the same URI. */
async function skillServer(own: string): Promise<HttpServer> {
  const file = (name: string): string => `---\nname: ${name}\ndescription: How ${own} does ${name}\n---\n\n# ${name} of ${own}\n\nSee references/more.md.\n`;
  const files = { [`${own}/SKILL.md`]: file(own), [`${own}/references/more.md`]: `More of ${own}.\n`, 'shared/SKILL.md': file('shared') };
  const skills = await SkillsExtension.load(memorySkillFiles(files));
  const handler = createMcpHandler(
    () => {
      const server = new McpServer({ name: own, version: '1' });
      skills.attach(server);
      return server;
    },
    { legacy: 'reject' },
  );
  const server = createServer((request, response) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const headers = new Headers(Object.entries(request.headers).map(([name, value]): [string, string] => [name, String(value)]));
      const answer = await handler.fetch(new Request(`http://localhost${request.url}`, { method: request.method ?? 'POST', headers, ...(chunks.length === 0 ? {} : { body: Buffer.concat(chunks).toString() }) }));
      response.writeHead(answer.status, Object.fromEntries(answer.headers));
      response.end(Buffer.from(await answer.arrayBuffer()));
    })();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

describe('skills of the official SDK', () => {
  const edge = new TestEdge();
  const servers = new Map<string, HttpServer>();
  const clients: Client[] = [];
  let agent: TestKey;

  beforeAll(async () => {
    edge.registry.views.set('acme', organization('acme', { servers: [], routes: [] }));
    agent = edge.addKey('acme', 'agent');
    await edge.start();
    const views: ServerView[] = [];
    for (const name of ['greeting', 'counting']) {
      const server = await skillServer(name);
      servers.set(name, server);
      const config = serverConfig.parse({ organization: 'acme', name, http: { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`, allowPrivateNetwork: true } });
      const definition = await edge.bus.request(edgeDiscover, { config, secrets: [] });
      views.push({ config, revision: 1, health: { state: 'ready', since: new Date().toISOString() }, definition });
    }
    const route = (name: string, names: string[], more: object = {}) => routeConfig.parse({ organization: 'acme', name, servers: names, ...more });
    edge.registry.change('acme', (view) => ({ ...view, servers: views, routes: [route('one', ['greeting']), route('both', ['greeting', 'counting']), route('needed', ['greeting', 'counting'], { prefix: 'when-needed' })] }));
    await until(async () => (await edge.post(agent.key, request('ping'), {}, '/mcp/needed')).status === 200);
  });
  afterAll(async () => {
    for (const client of clients) await client.close();
    await edge.close();
    for (const server of servers.values()) {
      server.closeAllConnections();
      server.close();
    }
  });

  async function skillsOf(route: string): Promise<SkillsClient> {
    const client = new Client({ name: 'spec', version: '1' }, { versionNegotiation: { mode: { pin: '2026-07-28' } } });
    clients.push(client);
    await client.connect(new StreamableHTTPClientTransport(new URL(`${edge.url}/mcp/${route}`), { requestInit: { headers: { authorization: `Bearer ${agent.key}` } } }));
    return new SkillsClient(client);
  }

  it('pass untouched on a transparent route', async () => {
    const skills = await skillsOf('one');
    const { skills: found, invalid } = await skills.list();
    expect({ supported: skills.supported, uris: found.map(({ uri }) => uri), invalid }).toEqual({ supported: true, uris: ['skill://greeting/SKILL.md', 'skill://shared/SKILL.md'], invalid: [] });
  });

  it.each(['both', 'needed'])('are listed, got, looked into and read with digests that are right (%s)', async (route) => {
    const skills = await skillsOf(route);
    const { skills: found } = await skills.list();
    expect(found.map(({ frontmatter }) => frontmatter.description).sort()).toEqual(['How counting does counting', 'How counting does shared', 'How greeting does greeting', 'How greeting does shared']);
    for (const skill of found) {
      expect((await skills.get(skill.uri)).skill).toEqual(skill);
      const file = await skills.read(skill);
      expect(file).toMatchObject({ verified: true, text: expect.stringContaining(`description: ${String(skill.frontmatter.description)}`) });
    }
    const greeting = found.find(({ frontmatter }) => frontmatter.name === 'greeting')!;
    expect(await skills.read(greeting, 'references/more.md')).toMatchObject({ verified: true, text: 'More of greeting.\n' });
    const { resources } = await skills.readDirectory(greeting.uri.replace('/SKILL.md', ''));
    expect(resources.map(({ uri }) => uri)).toContain(greeting.uri);
  });
});
