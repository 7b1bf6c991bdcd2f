import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { sign } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { auditAppend, edgeStatus, policyBundles, serverConfig, type AuditEntry, type OrganizationView, type SignedBundle } from '@mcpgw/contracts';
import { makeBundle, signBundle } from '@mcpgw/core-policy';
import { SecretBox, silentLogger, createContext, startService, type RunningService } from '@mcpgw/platform-runtime';
import { edgeConfig } from './edge.config.js';
import { EdgeModule } from './edge.module.js';
import { echo, organization, request, server, TestEdge, until, type RunnerCall, type TestKey } from './edge.fixture.js';

/** The module as it ships: its own spool, policy and upstream clients; only the other services are played. */
describe('EdgeModule', () => {
  const around = new TestEdge();
  const directory = mkdtempSync(path.join(tmpdir(), 'edge-module-'));
  const received: AuditEntry[] = [];
  let service: RunningService;
  let upstream: Server;
  let upstreamHeaders: Record<string, unknown> = {};
  let agent: TestKey;
  let bundle: SignedBundle | undefined;

  beforeAll(async () => {
    upstream = createServer((incoming, response) => {
      if (incoming.method !== 'POST') return void response.writeHead(405).end();
      let text = '';
      incoming.on('data', (part) => (text += part));
      incoming.on('end', () => {
        upstreamHeaders = incoming.headers;
        const { id, method, params } = JSON.parse(text) as { id: unknown; method: string; params: Record<string, unknown> };
        const result = method === 'initialize' ? { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo: { name: 'web', version: '1' } } : (echo({ method, params, server: 'web' } as RunnerCall) as { result: object }).result;
        if (id === undefined) response.writeHead(202).end();
        else response.setHeader('content-type', 'application/json').end(JSON.stringify({ jsonrpc: '2.0', id, result }));
      });
    }).listen(0, '127.0.0.1');
    await once(upstream, 'listening');

    const { bus, keyFiles, registry } = around;
    const web = { ...server('acme', 'web', ['fetch']), config: serverConfig.parse({ organization: 'acme', name: 'web', http: { url: `http://127.0.0.1:${(upstream.address() as AddressInfo).port}/mcp`, headers: { authorization: 'Bearer secret://web/token' }, allowPrivateNetwork: true } }) };
    const sealed = new SecretBox(keyFiles.symmetric('secrets')).seal('acme', 'web/token', 'upstream-credential');
    const rules = [{ allow: 'files/read_*' }, { allow: 'web/*' }];
    const view: OrganizationView = organization('acme', { secrets: [{ name: 'web/token' as never, version: 1, sealed }], roles: [{ organization: 'acme' as never, name: 'agent' as never, rules }] });
    registry.views.set('acme', { ...view, servers: [...view.servers, web] });
    agent = around.addKey('acme', 'agent');
    bus.handle(policyBundles, async () => ({ bundles: bundle ? [bundle] : [], removed: [], more: false }));
    bus.handle(auditAppend, async ({ edgeId, epoch, lastSeq, entries }) => {
      received.push(...entries.map((entry) => JSON.parse(entry) as AuditEntry));
      return { edgeId, epoch, committedSeq: lastSeq };
    });
    const config = edgeConfig.parse({ dataDir: directory, snapshotPollMs: 50 });
    const context = { ...createContext('edge', bus, silentLogger, { dataDir: directory, keysDir: undefined }), keyFiles };
    service = await startService(context, EdgeModule.forRoot(config), { host: '127.0.0.1', port: 0, bodyLimit: config.maxBodyBytes });
  });
  afterAll(async () => {
    await service.close();
    await around.close();
    upstream.close();
    rmSync(directory, { recursive: true, force: true });
  });

  const post = (method: string, params: object = {}) =>
    fetch(`${service.url}/mcp`, { method: 'POST', headers: { 'content-type': 'application/json', authorization: `Bearer ${agent.key}` }, body: JSON.stringify(request(method, params)) }).then(async (response) => JSON.parse(await response.text()) as { result?: { tools: { name: string }[] }; error?: { code: number } });

  it('shows and permits nothing while there is no bundle', async () => {
    await until(async () => (await post('tools/list')).result !== undefined);
    expect((await post('tools/list')).result?.tools).toEqual([]);
    expect((await post('tools/call', { name: 'files__read_file' })).error?.code).toBe(-32602);
  });

  it('decides on the signed bundle, and its entries reach the log', async () => {
    const view = around.registry.views.get('acme') as OrganizationView;
    const key = around.keyFiles.signing('policy-signing');
    bundle = signBundle(makeBundle(view).bundle, { keyId: 'spec', sign: (message) => sign(null, message, key) });
    await until(async () => ((await post('tools/list')).result?.tools ?? []).length > 0);
    expect((await post('tools/list')).result?.tools.map(({ name }) => name)).toEqual(['files__read_file', 'web__fetch']);
    expect((await post('tools/call', { name: 'files__read_file', arguments: { path: 'a' } })).result).toBeDefined();
    expect((await post('tools/call', { name: 'files__write_file' })).error?.code).toBe(-32602);
    await until(() => received.some((entry) => entry.phase === 'outcome' && entry.target === 'read_file'));
    const intent = received.find((entry) => entry.phase === 'intent' && entry.target === 'read_file');
    expect(received.filter((entry) => entry.intentId === intent?.entryId)).toMatchObject([{ phase: 'outcome', decision: { effect: 'permit', bundleDigest: bundle.digest } }]);
  });

  it('calls HTTP servers itself, with their secret and without the caller’s key', async () => {
    expect((await post('tools/call', { name: 'web__fetch' })).result).toBeDefined();
    expect(upstreamHeaders['authorization']).toBe('Bearer upstream-credential');
    expect(JSON.stringify(upstreamHeaders)).not.toContain(agent.key);
  });

  it('tells its state to whoever asks', async () => {
    const status = await around.bus.request(edgeStatus, {});
    expect(status).toMatchObject({ service: 'edge', ready: true, problems: [], details: { snapshotAgeMs: expect.any(Number), callsUnderWay: 0, streams: 0, spool: { accepting: true } } });
  });
});
