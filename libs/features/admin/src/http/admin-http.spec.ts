import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { auditEntries, auditFind, billingUsage, GatewayError, registryApply, registryAuthenticateOperator, registryExport, registryPut, registryPutSecret, registrySnapshot, registryStatus, runnerSealSecret } from '@mcpgw/contracts';
import { MemoryBus } from '@mcpgw/platform-bus';
import { createContext, silentLogger, startService, systemClock, type RunningService } from '@mcpgw/platform-runtime';
import { fastify } from 'fastify';
import { mkdtempSync, rmSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { AdminModule } from '../admin-module.js';
import { adminConfig } from '../config.js';
import { mountAdmin } from './admin-http.js';

const LIMIT = adminConfig.parse({}).adminMaxBodyBytes;
const TOKEN = randomBytes(24).toString('base64url');

/** A bus on which one operator token is known, as the registry would have it. */
function busWithOperator(onAsk: () => void = () => {}): MemoryBus {
  const bus = new MemoryBus();
  bus.handle(registryAuthenticateOperator, async ({ token }) => {
    onAsk();
    if (token !== TOKEN) throw new GatewayError('unauthenticated', 'This operator token is not known.');
    return { operator: 'first' };
  });
  return bus;
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

/** node:http, because fetch lets nobody set Host. */
function send(url: string, method: string, target: string, headers: Record<string, string> = {}, body?: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(new URL(url), { method, path: target, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text: Buffer.concat(chunks).toString('utf8') }));
    });
    request.on('error', reject);
    request.end(body);
  });
}

describe('the management API', () => {
  let bus: MemoryBus;
  let service: RunningService;
  let folder: string;
  let asked = 0;
  const authorized = { authorization: `Bearer ${TOKEN}` };
  const json = { ...authorized, 'content-type': 'application/json' };

  beforeEach(async () => {
    asked = 0;
    bus = busWithOperator(() => void asked++);
    folder = mkdtempSync(path.join(tmpdir(), 'mcpgw-admin-'));
    const context = createContext('admin', bus, silentLogger, { dataDir: folder, keysDir: undefined });
    service = await startService(context, AdminModule.forRoot(adminConfig.parse({})), { host: '127.0.0.1', port: 0, bodyLimit: LIMIT });
  });
  afterEach(async () => {
    await service.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const call = (method: string, target: string, headers: Record<string, string> = authorized, body?: string): Promise<Answer> => send(service.url as string, method, target, headers, body);

  it('answers 401 without a token on every registered route but the two probes', async () => {
    const instance = fastify();
    const routes: { method: string; url: string }[] = [];
    instance.addHook('onRoute', ({ method, url }) => void routes.push(...[method].flat().map((one) => ({ method: one, url }))));
    mountAdmin(instance, { config: adminConfig.parse({}), bus, health: service.health, clock: systemClock, logger: silentLogger });
    await instance.ready();
    expect(routes.length).toBeGreaterThan(50);
    const open: string[] = [];
    for (const { method, url } of routes) {
      const target = url.replace(/:id\([^)]*\)/, '01890a5d-ac96-774b-bcce-b302099a8057').replace(/:\w+/g, 'x').replace('*', 'nowhere');
      const answer = await instance.inject({ method: method as 'GET', url: target, headers: { host: 'localhost' } });
      if (answer.statusCode !== 401) open.push(`${method} ${url} ${answer.statusCode}`);
    }
    expect(open.filter((line) => !line.startsWith('HEAD')).sort()).toEqual(['GET /healthz 200', 'GET /readyz 200']);
    expect(open.filter((line) => line.startsWith('HEAD')).sort()).toEqual(['HEAD /healthz 200', 'HEAD /readyz 200']);
    await instance.close();
  });

  it('refuses a host name and an origin that are not ours, on the probes too', async () => {
    expect((await call('GET', '/healthz', { host: 'evil.example' })).status).toBe(403);
    expect((await call('GET', '/api/v1/export', { ...authorized, host: 'localhost.evil.example' })).status).toBe(403);
    expect((await call('GET', '/healthz', { origin: 'https://evil.example' })).status).toBe(403);
    expect((await call('GET', '/healthz', { origin: 'null' })).status).toBe(403);
    expect((await call('GET', '/healthz', { host: 'LOCALHOST:1234', origin: 'http://127.0.0.1:3000' })).status).toBe(200);
    expect((await call('GET', '/healthz', { host: '[::1]:8090' })).status).toBe(200);
  });

  it('asks the registry for a token once a second at most, and never trusts a remembered refusal', async () => {
    bus.handle(registryExport, async () => ({ organizations: [], servers: [], routes: [], roles: [], consumers: [], limits: [] }));
    await call('GET', '/api/v1/export');
    await call('GET', '/api/v1/export');
    expect(asked).toBe(1);
    const wrong = { authorization: 'Bearer wrong' };
    expect((await call('GET', '/api/v1/export', wrong)).status).toBe(401);
    expect((await call('GET', '/api/v1/export', wrong)).headers['www-authenticate']).toContain('Bearer');
    expect(asked).toBe(3);
  });

  it('hands a valid configuration to the registry with the operator as actor', async () => {
    const seen: unknown[] = [];
    bus.handle(registryApply, async (request) => {
      seen.push(request);
      return { created: ['organizations/acme'], updated: [], deleted: [], unchanged: 0 };
    });
    const answer = await call('POST', '/api/v1/apply?dryRun=true', json, JSON.stringify({ organizations: [{ name: 'acme' }] }));
    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.text)).toEqual({ created: ['organizations/acme'], updated: [], deleted: [], unchanged: 0 });
    expect(seen).toMatchObject([{ actor: 'first', dryRun: true, config: { organizations: [{ name: 'acme' }] } }]);
  });

  it('lists all findings of a bad body at once, and asks nobody', async () => {
    const body = { organizations: [{ name: 'Acme' }], roles: [{ organization: 'acme', name: 'r', rules: [{ allow: 'a/b', deny: 'a/b' }], colour: 1 }] };
    const answer = await call('POST', '/api/v1/apply', json, JSON.stringify(body));
    expect(answer.status).toBe(400);
    const { error } = JSON.parse(answer.text) as { error: { code: string; data: { findings: { path: string }[] } } };
    expect(error.code).toBe('invalid_params');
    expect(error.data.findings.map(({ path: where }) => where)).toEqual(expect.arrayContaining(['organizations[0].name', 'roles[0].rules[0]', 'roles[0]']));
  });

  it('refuses bodies that are not JSON without quoting them', async () => {
    const secret = randomBytes(12).toString('hex');
    for (const [body, type, status] of [
      [`{"value": ${secret}`, 'application/json', 400],
      [`{"__proto__": {"value": "${secret}"}}`, 'application/json', 400],
      ['', 'application/json', 400],
      ['a=b', 'application/x-www-form-urlencoded', 400],
    ] as const) {
      const answer = await call('PUT', '/api/v1/organizations/acme/secrets/crm', { ...authorized, 'content-type': type }, body);
      expect([answer.status, Object.keys((JSON.parse(answer.text) as { error: object }).error)]).toEqual([status, ['code', 'message']]);
      expect(answer.text).not.toContain(secret);
    }
    expect((await call('POST', '/api/v1/apply', json, `"${'x'.repeat(LIMIT)}"`)).status).toBe(413);
  });

  it("passes a service's fault on by its code, and strips what is not one", async () => {
    bus.handle(registryExport, async () => {
      throw new Error('password of the database');
    });
    const internal = await call('GET', '/api/v1/export');
    expect(internal.status).toBe(500);
    expect(internal.text).not.toContain('password');
    const away = await call('GET', '/api/v1/audit/heads');
    expect([away.status, (JSON.parse(away.text) as { error: { code: string } }).error.code]).toEqual([503, 'unavailable']);
    expect((await call('GET', '/api/v1/nothing')).status).toBe(404);
  });

  it('puts an object only under its own path', async () => {
    const kinds: string[] = [];
    bus.handle(registryPut, async ({ kind }) => {
      kinds.push(kind);
      return { created: [], updated: [], deleted: [], unchanged: 1 };
    });
    const body = JSON.stringify({ organization: 'acme', name: 'desk', roles: ['reader'] });
    expect((await call('PUT', '/api/v1/organizations/acme/consumers/desk', json, body)).status).toBe(200);
    expect((await call('PUT', '/api/v1/organizations/acme/consumers/other', json, body)).status).toBe(400);
    expect(kinds).toEqual(['consumers']);
  });

  it('has a secret sealed by the runner and stores only the ciphertext', async () => {
    const value = randomBytes(12).toString('hex');
    const stored: unknown[] = [];
    const sealed = { keyVersion: 1, iv: 'iv', ciphertext: 'c', tag: 't' };
    bus.handle(runnerSealSecret, async (request) => {
      expect(request).toEqual({ organization: 'acme', name: 'crm/token', value });
      return sealed;
    });
    bus.handle(registryPutSecret, async (request) => {
      stored.push(request);
      return { version: 3 };
    });
    const answer = await call('PUT', '/api/v1/organizations/acme/secrets/crm%2Ftoken', json, JSON.stringify({ value }));
    expect([answer.status, answer.text]).toEqual([200, '{"version":3}']);
    expect(stored).toEqual([{ actor: 'first', organization: 'acme', name: 'crm/token', sealed }]);
  });

  it('reads the log of an organization named "calls", and the calls', async () => {
    const asks: string[] = [];
    bus.handle(auditEntries, async ({ organization, from, limit }) => {
      asks.push(`${organization} ${from} ${limit}`);
      return { entries: [], size: 0, next: 0 };
    });
    bus.handle(auditFind, async ({ id }) => {
      asks.push(id);
      return { entries: [] };
    });
    expect((await call('GET', '/api/v1/audit/calls/entries?from=7&limit=9')).status).toBe(200);
    expect((await call('GET', '/api/v1/audit/calls/01890a5d-ac96-774b-bcce-b302099a8057')).status).toBe(200);
    expect((await call('GET', '/api/v1/audit/acme/entries?limit=5000')).status).toBe(400);
    expect(asks).toEqual(['calls 7 9', '01890a5d-ac96-774b-bcce-b302099a8057']);
  });

  it('splits usage by the dimensions asked for', async () => {
    bus.handle(billingUsage, async ({ by }) => ({ rows: [{ tool: by.join('+'), calls: 1, errors: 0, unknown: 0, durationMs: 1, bytesIn: 1, bytesOut: 1 }], lag: 0 }));
    expect((await call('GET', '/api/v1/usage?by=tool,consumer')).text).toContain('tool+consumer');
    expect((await call('GET', '/api/v1/usage?by=colour')).status).toBe(400);
  });

  it('lists a service that does not answer as down, with what to do', async () => {
    bus.handle(registryStatus, async () => ({ service: 'registry', instance: 'registry-1', ready: true, startedAt: new Date(0).toISOString(), problems: [], details: {} }));
    bus.handle(registrySnapshot, async () => ({ changed: [], removed: [], more: false }));
    const status = JSON.parse((await call('GET', '/api/v1/status')).text) as { ready: boolean; services: { service: string; up: boolean; problems: { action: string }[] }[] };
    expect(status.ready).toBe(false);
    expect(status.services.map(({ service: name, up }) => `${name} ${up}`)).toEqual(['edge false', 'registry true', 'policy false', 'audit false', 'billing false', 'runner false', 'admin true']);
    expect(status.services[0]?.problems[0]?.action).toContain('nx serve edge');
  });

  it('describes every route in OpenAPI 3.1', async () => {
    const document = JSON.parse((await call('GET', '/api/openapi.json')).text) as { openapi: string; paths: Record<string, Record<string, { operationId: string; requestBody?: unknown }>> };
    expect(document.openapi).toBe('3.1.0');
    const operations = Object.values(document.paths).flatMap((item) => Object.values(item));
    expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(operations.length);
    expect(document.paths['/api/v1/apply']?.['post']?.requestBody).toMatchObject({ required: true, content: { 'application/json': { schema: { type: 'object' } } } });
    expect(document.paths['/api/v1/billing/sync']?.['post']?.requestBody).toMatchObject({ required: false });
  });
});
