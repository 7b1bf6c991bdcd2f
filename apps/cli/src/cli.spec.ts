import { spawn, spawnSync } from 'node:child_process';
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  auditCheckpoints,
  auditEntries,
  auditHeads,
  GatewayError,
  gatewayConfig,
  registryApply,
  registryAuthenticateOperator,
  registryCreateKey,
  registryExport,
  registryPutSecret,
  registrySnapshot,
  runnerSealSecret,
  type GatewayConfig,
} from '@mcpgw/contracts';
import { appendLeaves, canonicalize, EMPTY_FRONTIER, formatCheckpoint, formatVerifierKey, leafHash, noteVerifier, rootOf, signNote, type NoteSigner } from '@mcpgw/core-transparency-log';
import { adminConfig, AdminModule } from '@mcpgw/feature-admin';
import { MemoryBus } from '@mcpgw/platform-bus';
import { createContext, silentLogger, startService, uuid7, type RunningService } from '@mcpgw/platform-runtime';

const COMMAND = path.resolve('bin/mcpgw.mjs');
const TOKEN = randomBytes(24).toString('base64url');

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The real command as a process of its own, in an environment that has only what the test gives it. */
function mcpgw(args: readonly string[], options: { readonly cwd: string; readonly env?: Record<string, string>; readonly input?: string }): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [COMMAND, ...args], { cwd: options.cwd, env: options.env ?? {} });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
    child.stdin.end(options.input ?? '');
  });
}

function newSigner(): NoteSigner {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const raw = publicKey.export({ type: 'spki', format: 'der' }).subarray(-32);
  return { verifier: noteVerifier('mcpgw-audit', raw), sign: (message) => sign(null, message, privateKey) };
}

/** An edge that answers modern requests and knows one key and one tool. */
function fakeEdge(): Server {
  return createServer((request, reply) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { id, method, params } = JSON.parse(Buffer.concat(chunks).toString('utf8')) as { id: number; method: string; params: { name: string; arguments: Record<string, unknown> } };
      const known = request.headers.authorization === 'Bearer consumer-key' && request.headers['mcp-method'] === method;
      const tools = [{ name: 'crm__sum', inputSchema: { type: 'object', properties: { a: { type: 'number' }, text: { type: 'string' } } } }];
      const result = method === 'tools/list' ? { tools } : { content: [{ type: 'text', text: JSON.stringify(params.arguments) }], isError: params.arguments?.['a'] === 13 };
      const answer = known ? { result } : { error: { code: -31401, message: 'The key is not known.' } };
      reply.writeHead(known ? 200 : 401, { 'content-type': 'application/json' }).end(JSON.stringify({ jsonrpc: '2.0', id, ...answer }));
    });
  });
}

/** A registry, a runner and a log, as far as commands see them. */
class FakeServices {
  readonly bus = new MemoryBus();
  readonly secrets: string[] = [];
  config: GatewayConfig = gatewayConfig.parse({ organizations: [{ name: 'acme' }] });
  log: { index: number; body: string; leafHash: string }[] = [];
  expires: number | undefined;

  constructor() {
    const { bus } = this;
    bus.handle(registryAuthenticateOperator, async ({ token }) => {
      if (token !== TOKEN) throw new GatewayError('unauthenticated', 'This operator token is not known.');
      return { operator: 'first' };
    });
    bus.handle(registryExport, async () => this.config);
    bus.handle(registrySnapshot, async () => ({ changed: [], removed: [], more: false }));
    bus.handle(registryApply, async ({ config, dryRun }) => {
      const unknown = config.consumers.findIndex(({ roles }) => roles.some((role) => !config.roles.some(({ name }) => name === role)));
      if (unknown >= 0) throw new GatewayError('invalid_params', 'The configuration has a fault.', { data: { findings: [{ path: `consumers[${unknown}].roles[0]`, message: 'names no role' }] } });
      if (!dryRun) this.config = config;
      return { created: ['organizations/acme'], updated: [], deleted: [], unchanged: 0 };
    });
    bus.handle(registryCreateKey, async ({ organization, consumer, expiresInSeconds }) => {
      this.expires = expiresInSeconds;
      return { id: registryCreateKey.reply.parse({ id: 'key_aaaaaaaaaaaa', key: 'k', organization, consumer, expiresAt: null }).id, key: 'mcpgw_k', organization, consumer, expiresAt: null };
    });
    bus.handle(runnerSealSecret, async ({ value }) => {
      this.secrets.push(value);
      return { keyVersion: 1, iv: 'i', ciphertext: 'c', tag: 't' };
    });
    bus.handle(registryPutSecret, async () => ({ version: 1 }));
    bus.handle(auditHeads, async () => ({ heads: this.log.length === 0 ? [] : [{ organization: this.config.organizations[0]!.name, size: this.log.length, rootHash: this.root }] }));
    bus.handle(auditEntries, async ({ from, limit }) => {
      const entries = this.log.slice(from, from + limit);
      return { entries, size: this.log.length, next: from + entries.length };
    });
    bus.handle(auditCheckpoints, async ({ afterSize }) => ({ checkpoints: this.log.length > afterSize ? [this.checkpoint()] : [], verifierKey: formatVerifierKey(this.signer.verifier) }));
  }

  private root = '';
  private readonly signer = newSigner();
  origin = 'mcpgw/acme';

  private checkpoint(): { size: number; rootHash: string; note: string; at: string } {
    const size = this.log.length;
    return { size, rootHash: this.root, note: signNote(formatCheckpoint(this.origin, size, Buffer.from(this.root, 'hex')), [this.signer]), at: new Date().toISOString() };
  }

  /** Some calls, each with its intent and its outcome. */
  record(calls: number): void {
    const epoch = 1;
    const bodies = Array.from({ length: calls }, (_, call) => {
      const [callId, intentId] = [uuid7(Date.now()), uuid7(Date.now())];
      const common = { v: 1, callId, organization: 'acme', time: new Date().toISOString(), client: {}, method: 'tools/call', server: 'files', target: 'read', request: { bytes: 10 } };
      return [
        { ...common, entryId: intentId, phase: 'intent', edge: { id: 'edge-1', epoch, seq: 2 * call + 1 } },
        { ...common, entryId: uuid7(Date.now()), intentId, phase: 'outcome', edge: { id: 'edge-1', epoch, seq: 2 * call + 2 }, outcome: { status: 'ok', bytes: 5, durationUs: 900 } },
      ];
    }).flat();
    this.log = bodies.map((body, index) => ({ index, body: canonicalize(body), leafHash: leafHash(canonicalize(body)).toString('hex') }));
    this.root = rootOf(appendLeaves(EMPTY_FRONTIER, this.log.map(({ body }) => leafHash(body))).frontier).toString('hex');
  }
}

describe('the mcpgw command', () => {
  let folder: string;
  let service: RunningService;
  let services: FakeServices;
  let env: Record<string, string>;

  beforeAll(async () => {
    const tsc = path.resolve('../../node_modules/typescript/bin/tsc');
    const built = spawnSync(process.execPath, [tsc, '-b'], { encoding: 'utf8' });
    if (built.status !== 0) throw new Error(`The command does not build:\n${built.stdout}`);
    folder = mkdtempSync(path.join(tmpdir(), 'mcpgw-cli-'));
    services = new FakeServices();
    const context = createContext('admin', services.bus, silentLogger, { dataDir: folder, keysDir: undefined });
    const config = adminConfig.parse({});
    service = await startService(context, AdminModule.forRoot(config), { host: '127.0.0.1', port: 0, bodyLimit: config.adminMaxBodyBytes });
    env = { MCPGW_ADMIN_URL: service.url as string, MCPGW_ADMIN_TOKEN: TOKEN };
  }, 60_000);
  afterAll(async () => {
    await service.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const run = (args: readonly string[], options: { readonly env?: Record<string, string>; readonly input?: string } = {}): Promise<Ended> => mcpgw(args, { cwd: folder, env, ...options });
  const file = (name: string, text: string): string => {
    writeFileSync(path.join(folder, name), text);
    return name;
  };

  it('says in one line what to do when no gateway is there, and exits with 3', async () => {
    const nowhere = await run(['status'], { env: { MCPGW_ADMIN_URL: 'http://127.0.0.1:1', MCPGW_ADMIN_TOKEN: 'x' } });
    expect(nowhere).toMatchObject({ code: 3, stdout: '' });
    expect(nowhere.stderr.trim().split('\n')).toHaveLength(1);
    expect(nowhere.stderr).toContain('npm start');
  });

  it('finds the gateway by its first-run.json', async () => {
    const data = mkdtempSync(path.join(folder, 'data-'));
    writeFileSync(path.join(data, 'first-run.json'), JSON.stringify({ edgeUrl: 'http://127.0.0.1:1', adminUrl: service.url, organization: 'acme', adminToken: TOKEN, consumer: 'c', consumerKey: 'k' }));
    expect((await run(['export', '--format', 'json'], { env: { MCPGW_DATA_DIR: data } })).code).toBe(0);
    expect((await run(['export', '--data-dir', data], { env: {} })).code).toBe(0);
  });

  it('applies a file and exports it again', async () => {
    const name = file('good.yaml', 'organizations: [{ name: acme }]\nroles:\n  - name: reader\n    rules: [{ allow: "files/*" }]\nconsumers:\n  - { name: desk, roles: [reader] }\n');
    const dry = await run(['apply', '-f', name, '--dry-run', '--json']);
    expect([dry.code, JSON.parse(dry.stdout)]).toEqual([0, { created: ['organizations/acme'], updated: [], deleted: [], unchanged: 0 }]);
    expect(services.config.roles).toEqual([]);
    expect((await run(['apply', '-f', name])).stdout).toContain('+ organizations/acme');
    const exported = await run(['export', '-o', 'again.yaml']);
    expect([exported.code, exported.stderr]).toEqual([0, '']);
    expect((await run(['validate', '-f', 'again.yaml'])).code).toBe(0);
    expect(readFileSync(path.join(folder, 'again.yaml'), 'utf8')).toContain('organization: acme');
  });

  it("shows the file's faults, and the gateway's, at their place", async () => {
    const bad = await run(['apply', '-f', file('bad.yaml', 'organizations: [{ name: acme }]\nroels: []\nservers:\n  - { name: a }\n')]);
    expect([bad.code, bad.stdout]).toEqual([1, '']);
    expect(bad.stderr).toContain('bad.yaml:2:1: roels: is an unknown key; did you mean "roles"?\nbad.yaml:4:5: servers[0]: needs exactly one of');
    const refused = await run(['apply', '-f', file('refused.yaml', 'organizations: [{ name: acme }]\nconsumers:\n  - name: desk\n    roles: [nobody]\n'), '--json']);
    expect(refused.code).toBe(1);
    expect(JSON.parse(refused.stdout)).toMatchObject({ error: { code: 'invalid_params', data: { findings: [{ line: 4, column: 13, path: 'consumers[0].roles[0]', message: 'names no role' }] } } });
  });

  it('makes a key that expires, of the only organization', async () => {
    const made = await run(['key', 'create', '--consumer', 'desk', '--expires', '30d', '--json']);
    expect(JSON.parse(made.stdout)).toMatchObject({ id: 'key_aaaaaaaaaaaa', key: 'mcpgw_k', organization: 'acme' });
    expect(services.expires).toBe(30 * 86_400);
    expect((await run(['key', 'create', '--consumer', 'desk'])).stdout).toBe('mcpgw_k\n');
  });

  it('takes a secret from standard input, never from the arguments, and does not show it', async () => {
    const value = randomBytes(12).toString('hex');
    const set = await run(['secret', 'set', 'crm/token'], { input: `${value}\n` });
    expect([set.code, services.secrets.at(-1)]).toEqual([0, value]);
    expect(set.stdout + set.stderr).not.toContain(value);
    expect((await run(['secret', 'set', 'crm/token', value])).code).toBe(2);
  });

  it('verifies a log here, names the changed entry and exits with its code', async () => {
    services.record(3);
    const fine = await run(['audit', 'verify', '--json']);
    expect(JSON.parse(fine.stdout)).toMatchObject({ ok: true, entries: 6, findings: [] });
    expect(fine.code).toBe(0);
    const [third] = services.log.splice(2, 1, { ...services.log[2]!, body: services.log[2]!.body.replace('"read"', '"reed"') });
    const broken = await run(['audit', 'verify', '--organization', 'acme', '--json']);
    expect(JSON.parse(broken.stdout)).toMatchObject({ ok: false, findings: [{ code: 'tampered_entry', index: 2 }] });
    expect(broken.code).toBe(10);
    services.log[2] = third!;
  });

  it("does not take another organization's checkpoint, nor one of a key that is not the one given", async () => {
    services.record(1);
    services.origin = 'mcpgw/other';
    expect((await run(['audit', 'verify'])).code).toBe(13);
    services.origin = 'mcpgw/acme';
    expect((await run(['audit', 'verify'])).code).toBe(0);
    expect((await run(['audit', 'verify', '--verifier-key', formatVerifierKey(newSigner().verifier)])).code).toBe(13);
  });

  it('prints one entry a line', async () => {
    services.record(2);
    const lines = (await run(['audit', 'tail', '--since', '5m', '--json'])).stdout.trim().split('\n').map((line) => JSON.parse(line) as { phase: string; index: number });
    expect(lines.map(({ phase, index }) => `${index} ${phase}`)).toEqual(['0 intent', '1 outcome', '2 intent', '3 outcome']);
  });

  it('names the first hop that fails', async () => {
    const doctor = await run(['doctor', '--json'], { env: { ...env, MCPGW_EDGE_URL: 'http://127.0.0.1:1', PATH: '' } });
    const { ok, checks } = JSON.parse(doctor.stdout) as { ok: boolean; checks: { hop: string; state: string; fix?: string }[] };
    expect([doctor.code, ok]).toEqual([1, false]);
    expect(checks.find(({ hop }) => hop === 'operator token')?.state).toBe('ok');
    expect(checks.find(({ hop }) => hop === 'service edge')).toMatchObject({ state: 'failed' });
    expect(checks.find(({ hop }) => hop === 'edge')).toMatchObject({ state: 'failed', fix: expect.stringContaining('npm start') });
    expect(checks.find(({ hop }) => hop === 'consumer key')?.state).toBe('skipped');
  });

  it('completes commands and names', async () => {
    expect((await run(['__complete', '--', 'serv'])).stdout).toBe('server\n');
    expect((await run(['__complete', '--', 'audit', ''])).stdout.split('\n')).toEqual(['show', 'tail', 'verify', '']);
    expect((await run(['__complete', '--', 'key', 'create', '--organization', ''])).stdout).toBe('acme\n');
    expect((await run(['__complete', '--', 'consumer', 'remove', ''], { env: {} })).stdout).toBe('');
    expect((await run(['completion', 'bash'])).stdout).toContain('complete -o default -F _mcpgw mcpgw');
  });

  describe('with an edge', () => {
    const edge = fakeEdge();
    let edgeEnv: Record<string, string>;
    beforeAll(async () => {
      await new Promise<void>((resolve) => edge.listen(0, '127.0.0.1', resolve));
      edgeEnv = { MCPGW_EDGE_URL: `http://127.0.0.1:${(edge.address() as AddressInfo).port}`, MCPGW_CONSUMER_KEY: 'consumer-key' };
    });
    afterAll(() => new Promise((resolve) => edge.close(resolve)));

    it('lists and calls tools as the consumer, with arguments of the types that the tool names', async () => {
      expect((await run(['tools'], { env: edgeEnv })).stdout).toContain('crm__sum');
      expect((await run(['call', 'crm__sum', 'a=1', 'text=1'], { env: edgeEnv })).stdout).toBe('{"a":1,"text":"1"}\n');
      expect((await run(['call', 'crm__sum', '{"a": [2]}'], { env: edgeEnv })).stdout).toBe('{"a":[2]}\n');
      expect((await run(['call', 'crm__sum', '-'], { env: edgeEnv, input: '{"a": 3}' })).stdout).toBe('{"a":3}\n');
      expect((await run(['call', 'crm__sum', 'a=13', '--json'], { env: edgeEnv })).code).toBe(1);
      expect((await run(['call', 'crm__sum', 'a=x'], { env: edgeEnv })).code).toBe(2);
      const refused = await run(['tools', '--consumer-key', 'wrong'], { env: edgeEnv });
      expect([refused.code, refused.stderr]).toEqual([1, 'The key is not known.\n']);
    });

    it('is an MCP server on standard input and output that says nothing else there and ends with its input', async () => {
      const meta = { _meta: { 'io.modelcontextprotocol/protocolVersion': '2026-07-28', 'io.modelcontextprotocol/clientCapabilities': {} } };
      const input = [`{"jsonrpc":"2.0","id":"a","method":"tools/list","params":${JSON.stringify(meta)}}`, 'nonsense', `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":${JSON.stringify({ name: 'crm__sum', arguments: {}, ...meta })}}`].join('\n');
      const ended = await run(['stdio'], { env: edgeEnv, input });
      expect([ended.code, ended.stderr]).toEqual([0, '']);
      const messages = ended.stdout.trim().split('\n').map((line) => JSON.parse(line) as { jsonrpc: string; id: unknown });
      expect(messages.map(({ id }) => String(id)).sort()).toEqual(['2', 'a', 'null']);
    });
  });

  it('exits with 2 on wrong usage and shows help with examples', async () => {
    expect((await run(['nothing'])).code).toBe(2);
    expect((await run(['usage', '--since', 'soon'])).code).toBe(2);
    const help = await run(['key', 'create', '--help']);
    expect(help.code).toBe(0);
    expect(help.stdout).toContain('Examples:');
  });
});
