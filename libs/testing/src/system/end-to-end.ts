import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import path from 'node:path';
import type { AuditEntry } from '@mcpgw/contracts';
import { Client as ModernClient, StreamableHTTPClientTransport as ModernTransport } from '@modelcontextprotocol/client';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { exportJWK, SignJWT } from 'jose';
import { Child, until, WORKSPACE } from './child.js';
import { writeFixtureConfig } from './fixture-config.js';
import { modern, post } from './raw-client.js';
import { applyFile, COMMAND, createKey, json, type System } from './system.js';
import { startHttpUpstream } from './upstream.js';

interface UsageReply {
  readonly rows: readonly { readonly tool?: string; readonly consumer?: string; readonly calls: number }[];
  readonly lag: number;
}

/** What a whole gateway must do, whatever it is made of. Each test names the requirement it stands for. */
export function endToEnd(open: () => Promise<System>): void {
  let system: System;
  let upstream: { url: string; child: Child };
  let idp: { url: string; sign(claims: Record<string, unknown>): Promise<string>; server: Server };
  let file: string;
  const keys: Record<string, string> = {};
  const ids: Record<string, string> = {};
  const mcp = (): string => `${system.edgeUrl}/mcp`;
  const clients: { close(): Promise<void> }[] = [];

  beforeAll(async () => {
    idp = await startIdentityProvider();
    system = await open();
    upstream = await startHttpUpstream(system.directory);
    const jwt = [{ issuer: idp.url, jwksUrl: `${idp.url}/jwks`, audience: 'https://gateway.test/mcp', attributes: { customer_id: 'cid' } }];
    file = writeFixtureConfig({ directory: system.directory, upstreamUrl: upstream.url, jwt });
    await applyFile(system, file);
    for (const [organization, consumer] of [['acme', 'agent'], ['acme', 'support'], ['acme', 'hasty'], ['globex', 'agent']] as const) {
      const { id, key } = await createKey(system, organization, consumer);
      keys[`${organization}/${consumer}`] = key;
      ids[`${organization}/${consumer}`] = id;
    }
    await until('the edge knows the keys, the tools and the policy', async () => ((await modern(mcp(), key('acme/agent'), 'tools/list')).message.result?.['tools'] as unknown[] | undefined)?.length);
  }, 180_000);

  afterAll(async () => {
    await Promise.all(clients.map((client) => client.close().catch(() => {})));
    idp?.server.closeAllConnections();
    idp?.server.close();
    await upstream?.child.stop();
    await system?.close();
  }, 90_000);

  const key = (name: string): string => keys[name] as string;

  async function legacyClient(name: string, route = ''): Promise<Client> {
    const client = new Client({ name: 'legacy', version: '1' });
    await client.connect(new StreamableHTTPClientTransport(new URL(`${mcp()}${route}`), { requestInit: { headers: { authorization: `Bearer ${key(name)}` } } }));
    clients.push(client);
    return client;
  }

  async function modernClient(name: string): Promise<ModernClient> {
    const client = new ModernClient({ name: 'modern', version: '1' }, { versionNegotiation: { mode: { pin: '2026-07-28' } } });
    await client.connect(new ModernTransport(new URL(mcp()), { requestInit: { headers: { authorization: `Bearer ${key(name)}` } } }));
    clients.push(client);
    return client;
  }

  async function entries(organization = 'acme'): Promise<readonly AuditEntry[]> {
    const { stdout, code, stderr } = await system.mcpgw(['audit', 'tail', '--since', '1h', '--organization', organization, '--json']);
    if (code !== 0) throw new Error(stderr);
    return stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line) as AuditEntry);
  }

  /** Waits for an entry like this in the log; it gets there within a moment of the answer. */
  function logged(organization: string, match: (entry: AuditEntry) => boolean): Promise<AuditEntry> {
    return until('the entry is in the log', async () => (await entries(organization)).find(match), 15_000);
  }

  describe('clients of every kind list and call tools', () => {
    it('serves a legacy SDK client: tools, resources, prompts, progress', async () => {
      const client = await legacyClient('acme/agent');
      const { tools } = await client.listTools();
      const names = tools.map((tool) => tool.name);
      expect(names).toEqual([...names].sort());
      expect(names).toEqual(expect.arrayContaining(['everything__echo', 'files__list_directory', 'memory__read_graph', 'remote__echo']));
      for (const name of names) expect(name).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
      expect(await client.callTool({ name: 'everything__echo', arguments: { message: 'over stdio' } })).toMatchObject({ content: [{ type: 'text', text: 'Echo: over stdio' }] });
      expect(await client.callTool({ name: 'remote__echo', arguments: { message: 'over http' } })).toMatchObject({ content: [{ type: 'text', text: 'Echo: over http' }] });
      const { resources } = await client.listResources();
      expect(resources.length).toBeGreaterThan(0);
      const read = await client.readResource({ uri: resources[0]?.uri as string });
      expect(read.contents.length).toBeGreaterThan(0);
      const { prompts } = await client.listPrompts();
      expect(prompts.map((prompt) => prompt.name)).toContain('everything__simple-prompt');
      expect((await client.getPrompt({ name: 'everything__simple-prompt' })).messages.length).toBeGreaterThan(0);
      const progress: number[] = [];
      await client.callTool({ name: 'everything__trigger-long-running-operation', arguments: { duration: 1, steps: 4 } }, undefined, { onprogress: ({ progress: step }) => void progress.push(step) });
      expect(progress.length).toBeGreaterThanOrEqual(3);
      expect(await client.ping()).toEqual({});
    }, 60_000);

    it('serves a modern SDK client at the same URL', async () => {
      const client = await modernClient('acme/agent');
      const { tools } = await client.listTools();
      expect(tools.map((tool) => tool.name)).toContain('everything__get-sum');
      expect(await client.callTool({ name: 'everything__get-sum', arguments: { a: 20, b: 22 } })).toMatchObject({ content: [{ type: 'text', text: expect.stringContaining('42') }] });
    }, 30_000);

    it('serves a client without a library', async () => {
      const reply = await modern(mcp(), key('acme/agent'), 'tools/call', { name: 'remote__echo', arguments: { message: 'curl' } });
      expect(reply.status).toBe(200);
      expect(reply.message.result).toMatchObject({ resultType: 'complete', content: [{ type: 'text', text: 'Echo: curl' }] });
      const discovered = await modern(mcp(), key('acme/agent'), 'server/discover');
      expect(discovered.message.result).toMatchObject({ supportedVersions: expect.arrayContaining(['2026-07-28']), cacheScope: 'private' });
    });

    it('shows one server with its own names on a route, and several behind prefixes', async () => {
      const one = await legacyClient('acme/agent', '/files');
      expect((await one.listTools()).tools.map((tool) => tool.name)).toContain('list_directory');
      const several = await legacyClient('acme/agent', '/pair');
      const names = (await several.listTools()).tools.map((tool) => tool.name);
      expect(names).toEqual(expect.arrayContaining(['files__list_directory', 'memory__read_graph']));
      expect(names.filter((name) => name.startsWith('everything'))).toEqual([]);
      expect((await post(`${mcp()}/nowhere`, { jsonrpc: '2.0', id: 1, method: 'ping' }, { authorization: `Bearer ${key('acme/agent')}` })).message.error?.message).toMatch(/nowhere/);
    }, 30_000);

    it('cancels a call upstream when its client does', async () => {
      const client = await legacyClient('acme/agent');
      const abort = new AbortController();
      const call = client.callTool({ name: 'everything__trigger-long-running-operation', arguments: { duration: 30, steps: 30 } }, undefined, { signal: abort.signal });
      setTimeout(() => abort.abort('enough'), 300);
      await expect(call).rejects.toThrow(/enough/);
      const entry = await logged('acme', (candidate) => candidate.target === 'trigger-long-running-operation' && candidate.outcome?.status === 'error');
      expect(entry.outcome?.code).toBe('cancelled');
    }, 30_000);

    it('is an MCP server on standard input and output too', async () => {
      const client = new Client({ name: 'desktop', version: '1' });
      await client.connect(new StdioClientTransport({ command: process.execPath, args: [COMMAND, 'stdio'], env: { PATH: process.env['PATH'] ?? '', MCPGW_EDGE_URL: system.edgeUrl, MCPGW_CONSUMER_KEY: key('acme/agent'), MCPGW_DATA_DIR: path.join(system.directory, 'nothing') } }));
      clients.push(client);
      expect((await client.listTools()).tools.map((tool) => tool.name)).toContain('memory__read_graph');
      expect(await client.callTool({ name: 'everything__echo', arguments: { message: 'desktop' } })).toMatchObject({ content: [{ type: 'text', text: 'Echo: desktop' }] });
    }, 30_000);
  });

  describe('permissions', () => {
    it('lists only what the caller may call, and answers the rest as unknown', async () => {
      const client = await legacyClient('acme/support');
      const names = (await client.listTools()).tools.map((tool) => tool.name);
      expect(names).toEqual(expect.arrayContaining(['everything__get-sum', 'everything__echo', 'files__read_text_file', 'remote__echo']));
      expect(names).not.toContain('files__write_file');
      expect(names.filter((name) => name.startsWith('memory'))).toEqual([]);
      await expect(client.callTool({ name: 'memory__read_graph', arguments: {} })).rejects.toThrow(/memory__read_graph/);
      await expect(client.callTool({ name: 'files__write_file', arguments: { path: '/files/a', content: 'x' } })).rejects.toThrow(/files__write_file|writes none/);
      const entry = await logged('acme', (candidate) => candidate.phase === 'denied' && candidate.target === 'write_file');
      expect(entry).toMatchObject({ principal: { consumer: 'support' }, server: 'files' });
    }, 30_000);

    it("allows the consumer's own customer and refuses another's", async () => {
      const own = await modern(mcp(), key('acme/support'), 'tools/call', { name: 'everything__echo', arguments: { message: 'customer-7' } });
      expect(own.message.result).toMatchObject({ content: [{ text: 'Echo: customer-7' }] });
      const other = await modern(mcp(), key('acme/support'), 'tools/call', { name: 'everything__echo', arguments: { message: 'customer-8' } });
      expect(other.status).toBe(200);
      expect(other.message.error).toMatchObject({ code: -31403, message: expect.stringMatching(/message/) });
      const entry = await logged('acme', (candidate) => candidate.phase === 'denied' && candidate.target === 'echo' && candidate.decision !== undefined);
      expect(entry.decision).toMatchObject({ effect: 'deny', bundleDigest: expect.stringMatching(/^[0-9a-f]{64}$/) });
      expect(JSON.stringify(entry)).not.toContain('customer-8');
    });

    it('keeps organizations apart', async () => {
      const reply = await modern(mcp(), key('globex/agent'), 'tools/list');
      const names = (reply.message.result?.['tools'] ?? []) as readonly { name: string }[];
      expect(names.length).toBeGreaterThan(0);
      expect(names.filter((tool) => !tool.name.startsWith('everything__'))).toEqual([]);
      expect((await modern(mcp(), key('globex/agent'), 'tools/call', { name: 'files__list_directory', arguments: { path: '/files' } })).message.error?.code).toBe(-32602);
    });
  });

  describe('who calls', () => {
    it('refuses a caller without a valid key, with an entry', async () => {
      for (const authorization of ['', 'Bearer nonsense', `Bearer ${key('acme/agent').slice(0, -1)}0`]) {
        const reply = await post(mcp(), { jsonrpc: '2.0', id: 1, method: 'ping' }, authorization ? { authorization } : {});
        expect(reply.status).toBe(401);
        expect(reply.headers.get('www-authenticate')).toMatch(/^Bearer/);
        expect(reply.message.error?.code).toBe(-31401);
      }
      await logged('operator', (candidate) => candidate.phase === 'denied' && candidate.outcome?.code === 'unauthenticated');
    });

    it('takes a token of the configured issuer, and its claims as attributes', async () => {
      const claims = { client_id: 'portal', sub: 'user-1', roles: ['support', 'unheard-of'], cid: 'customer-9', aud: 'https://gateway.test/mcp' };
      const token = await idp.sign(claims);
      const own = await modern(mcp(), token, 'tools/call', { name: 'everything__echo', arguments: { message: 'customer-9' } });
      expect(own.message.result).toMatchObject({ content: [{ text: 'Echo: customer-9' }] });
      expect((await modern(mcp(), token, 'tools/call', { name: 'everything__echo', arguments: { message: 'customer-7' } })).message.error?.code).toBe(-31403);
      await logged('acme', (candidate) => candidate.principal?.consumer === 'portal' && candidate.principal.user === 'user-1');
      expect((await modern(mcp(), await idp.sign({ ...claims, aud: 'https://elsewhere.test' }), 'tools/list')).status).toBe(401);
    });

    it('stops serving a key within a second of its revocation', async () => {
      const { id, key: doomed } = await createKey(system, 'acme', 'agent');
      await until('the key works', async () => (await modern(mcp(), doomed, 'tools/list')).status === 200);
      expect((await system.mcpgw(['key', 'revoke', id])).code).toBe(0);
      const revoked = performance.now();
      await until('the key is refused', async () => (await modern(mcp(), doomed, 'tools/list')).status === 401, 5_000);
      expect(performance.now() - revoked).toBeLessThan(1_000);
    });

    it('refuses foreign Host and Origin headers before anything else', async () => {
      const headers = { authorization: `Bearer ${key('acme/agent')}` };
      expect((await post(mcp(), { jsonrpc: '2.0', id: 1, method: 'ping' }, { ...headers, origin: 'https://evil.test' })).status).toBe(403);
      expect((await fetch(`${system.adminUrl}/api/v1/status`, { headers: { origin: 'https://evil.test', authorization: `Bearer ${system.adminToken}` } })).status).toBe(403);
    });
  });

  describe('limits', () => {
    it('answers 429 with what to wait, then counts the refusals in the log', async () => {
      const call = (): ReturnType<typeof modern> => modern(mcp(), key('acme/hasty'), 'tools/call', { name: 'everything__echo', arguments: { message: 'again' } });
      for (let i = 0; i < 3; i += 1) expect((await call()).status).toBe(200);
      const limited = await call();
      expect(limited.status).toBe(429);
      expect(limited.message.error?.code).toBe(-31429);
      expect(Number(limited.headers.get('retry-after'))).toBeGreaterThan(0);
      expect(limited.headers.get('ratelimit')).toBeTruthy();
      expect(limited.headers.get('ratelimit-policy')).toBeTruthy();
      await logged('acme', (candidate) => candidate.phase === 'denied' && candidate.outcome?.code === 'rate_limited');
    });
  });

  describe('bad input', () => {
    const bodies: readonly (readonly [string, string])[] = [
      ['not JSON', '{'],
      ['a duplicate key', '{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/list"}'],
      ['an integer that JSON.parse would round', '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"everything__echo","arguments":{"message":10000000000000000999}}}'],
      ['a batch', '[{"jsonrpc":"2.0","id":1,"method":"ping"}]'],
      ['nesting without end', `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":${'{"a":'.repeat(500)}1${'}'.repeat(500)}}`],
    ];
    it.each(bodies)('refuses %s with a JSON-RPC error and an entry', async (_what, body) => {
      const reply = await post(mcp(), body, { authorization: `Bearer ${key('acme/agent')}` });
      expect(reply.status).toBe(400);
      expect(typeof reply.message.error?.code).toBe('number');
    });

    it('records them', async () => {
      await until('as many entries as refusals', async () => {
        const all = [...(await entries('acme')), ...(await entries('operator'))];
        return all.filter((entry) => entry.phase === 'denied' && ['-32700', '-32600'].includes(entry.outcome?.code ?? '')).length >= bodies.length;
      });
    });

    it('refuses a body that is too large', async () => {
      const reply = await post(mcp(), JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping', params: { filler: 'x'.repeat(5_000_000) } }), { authorization: `Bearer ${key('acme/agent')}` }).catch(() => undefined);
      expect(reply?.status ?? 413).toBe(413);
    });

    it('answers an unknown tool and an unknown method by name', async () => {
      expect((await modern(mcp(), key('acme/agent'), 'tools/call', { name: 'everything__nothing', arguments: {} })).message.error).toMatchObject({ code: -32602, message: expect.stringContaining('everything__nothing') });
      const unknown = await modern(mcp(), key('acme/agent'), 'tools/destroy');
      expect([unknown.status, unknown.message.error?.code]).toEqual([404, -32601]);
    });

    it('names every fault of a configuration with its line, and changes nothing', async () => {
      const before = await system.mcpgw(['export']);
      const bad = path.join(system.directory, 'bad.yaml');
      writeFileSync(bad, 'organizations:\n  - name: acme\nservers:\n  - name: Bad_Name\n    http: { url: "ftp://x" }\nroutes:\n  - name: r\n    servers: [nothing]\nrols: []\n');
      const applied = await system.mcpgw(['apply', '-f', bad]);
      expect(applied.code).not.toBe(0);
      expect(applied.stderr).toMatch(/bad\.yaml:4:\d+/);
      expect(applied.stderr).toMatch(/bad\.yaml:5:\d+/);
      expect(applied.stderr).toMatch(/bad\.yaml:9:\d+.*roles/);
      expect((await system.mcpgw(['export'])).stdout).toBe(before.stdout);
    }, 30_000);

    it('shows a server that does not start, and lets the others be', async () => {
      const extra = { servers: [{ organization: 'globex', name: 'broken', stdio: { command: 'node', args: ['-e', 'process.exit(3)'] } }] };
      const withBroken = writeFixtureConfig({ directory: system.directory, upstreamUrl: upstream.url, jwt: [{ issuer: idp.url, jwksUrl: `${idp.url}/jwks`, audience: 'https://gateway.test/mcp', attributes: { customer_id: 'cid' } }], extra }, 'broken.yaml');
      expect((await system.mcpgw(['apply', '-f', withBroken])).code).toBe(0);
      const status = await until(
        'the failure shows',
        async () => {
          const result = await system.mcpgw(['status', '--json']);
          return result.stdout.includes('broken') && /globex\/broken/.test(result.stdout) ? result.stdout : undefined;
        },
        30_000,
      );
      expect(status).toMatch(/broken/);
      expect((await modern(mcp(), key('globex/agent'), 'tools/call', { name: 'everything__echo', arguments: { message: 'unharmed' } })).message.result).toMatchObject({ content: [{ text: 'Echo: unharmed' }] });
      const applied = await json<{ deleted: string[] }>(system, 'apply', '-f', file);
      expect(applied.deleted).toEqual(['servers/globex/broken']);
    }, 60_000);
  });

  describe('proof and usage', () => {
    it('verifies, and every call has its one intent and its one end', async () => {
      const all = await until('every intent is closed', async () => {
        const list = await entries('acme');
        const intents = list.filter((entry) => entry.phase === 'intent');
        const closed = new Set(list.filter((entry) => entry.intentId !== undefined).map((entry) => entry.intentId));
        return intents.length > 0 && intents.every((entry) => closed.has(entry.entryId)) ? list : undefined;
      });
      const ends = all.filter((entry) => ['outcome', 'denied', 'unknown'].includes(entry.phase));
      expect(new Set(ends.map((entry) => entry.callId)).size).toBe(ends.length);
      await until('a checkpoint covers it', async () => (await json<{ ok: boolean }>(system, 'audit', 'verify')).ok);
    }, 30_000);

    it('counts usage from the log', async () => {
      const usage = await until('nothing is left to count', async () => {
        const reply = await json<UsageReply>(system, 'usage', '--by', 'tool', '--organization', 'acme');
        return reply.lag === 0 ? reply : undefined;
      });
      const counted = new Map(usage.rows.map((row) => [row.tool, row.calls]));
      const expected = new Map<string, number>();
      for (const entry of await entries('acme')) {
        if (entry.method === 'tools/call' && entry.phase === 'outcome' && entry.intentId) {
          const tool = `${entry.server}/${entry.target}`;
          expected.set(tool, (expected.get(tool) ?? 0) + 1);
        }
      }
      expect(expected.size).toBeGreaterThan(3);
      expect(counted).toEqual(expected);
    }, 30_000);

    it('shows one call by its id', async () => {
      const some = (await entries('acme')).find((entry) => entry.phase === 'outcome' && entry.intentId) as AuditEntry;
      const shown = await system.mcpgw(['audit', 'show', some.callId, '--json']);
      expect(shown.code).toBe(0);
      expect(shown.stdout).toContain(some.entryId);
      expect(shown.stdout).toContain(some.intentId as string);
    });
  });

  describe('configuration and secrets', () => {
    it('applies twice without a change and round-trips with export', async () => {
      const again = await json<{ created: string[]; updated: string[]; deleted: string[]; unchanged: number }>(system, 'apply', '-f', file);
      expect([again.created, again.updated, again.deleted]).toEqual([[], [], []]);
      const exported = path.join(system.directory, 'exported.yaml');
      expect((await system.mcpgw(['export', '-o', exported])).code).toBe(0);
      const back = await json<{ created: string[]; updated: string[]; deleted: string[] }>(system, 'apply', '-f', exported, '--dry-run');
      expect([back.created, back.updated, back.deleted]).toEqual([[], [], []]);
    }, 30_000);

    it('gives a secret to the sandbox and to nobody else', async () => {
      const canary = `canary-${randomBytes(16).toString('hex')}`;
      expect((await system.mcpgw(['secret', 'set', 'token', '--organization', 'globex'], { input: canary })).code).toBe(0);
      const MODULES = path.join(WORKSPACE, 'node_modules');
      const extra = { servers: [{ organization: 'globex', name: 'vault', stdio: { command: 'node', args: [path.join(MODULES, '@modelcontextprotocol/server-everything/dist/index.js'), 'stdio'], env: { API_TOKEN: 'secret://token' }, sandbox: { read: [MODULES], memoryMb: 512 } } }] };
      const withVault = writeFixtureConfig({ directory: system.directory, upstreamUrl: upstream.url, jwt: [{ issuer: idp.url, jwksUrl: `${idp.url}/jwks`, audience: 'https://gateway.test/mcp', attributes: { customer_id: 'cid' } }], extra }, 'vault.yaml');
      await applyFile(system, withVault);
      const reply = await until('the tool shows', async () => {
        const called = await modern(mcp(), key('globex/agent'), 'tools/call', { name: 'vault__get-env', arguments: {} });
        return called.message.result ? called : undefined;
      });
      expect(reply.text).toContain('API_TOKEN');
      expect(reply.text).not.toContain(canary);
      expect(system.logs()).not.toContain(canary);
      expect((await system.mcpgw(['export'])).stdout).not.toContain(canary);
      expect(JSON.stringify(await entries('globex'))).not.toContain(canary);
      expect(argumentsOfAllProcesses()).not.toContain(canary);
    }, 60_000);
  });
}

/** Command lines of everything that runs: where a secret must never stand. */
function argumentsOfAllProcesses(): string {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      } catch {
        return '';
      }
    })
    .join('\n');
}

async function startIdentityProvider(): Promise<{ url: string; sign(claims: Record<string, unknown>): Promise<string>; server: Server }> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const jwk = { ...(await exportJWK(publicKey)), kid: 'one', alg: 'ES256', use: 'sig' };
  const server = createServer((_request, response) => response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ keys: [jwk] })));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const url = `http://127.0.0.1:${address && typeof address === 'object' ? address.port : 0}`;
  return { url, server, sign: (claims) => new SignJWT(claims).setProtectedHeader({ alg: 'ES256', kid: 'one' }).setIssuer(url).setIssuedAt().setExpirationTime('5m').sign(privateKey) };
}
