import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { limitConfig } from '@mcpgw/contracts';
import { organization, request, TestEdge, until, type TestKey } from '../edge.fixture.js';

const limit = (name: string, settings: object) => limitConfig.parse({ organization: 'acme', name, per: 'hour', ...settings });

describe('limits of calls', () => {
  const edge = new TestEdge();
  let agent: TestKey;
  let other: TestKey;

  beforeAll(async () => {
    const limits = [limit('reads', { tool: 'files/read_*', calls: 2 }), limit('notes', { tool: 'crm/*', calls: 3 }), limit('all', { consumer: 'oth*', each: 'consumer', calls: 1 })];
    edge.registry.views.set('acme', organization('acme', { limits }));
    agent = edge.addKey('acme', 'agent');
    other = edge.addKey('acme', 'other');
    await edge.start();
  });
  afterAll(() => edge.close());
  beforeEach(() => void (edge.entries.written.length = 0));

  const call = (key: TestKey, name: string) => edge.post(key.key, request('tools/call', { name }));

  it('admit the burst, then answer 429 with the exact wait, the headers and an entry', async () => {
    const first = await call(agent, 'files__read_file');
    expect(first.headers.get('ratelimit-policy')).toBe('"reads";q=2;w=3600');
    expect(first.headers.get('ratelimit')).toBe('"reads";r=1;t=1800');
    expect((await call(agent, 'files__read_file')).status).toBe(200);
    const refused = await call(agent, 'files__read_file');
    expect(refused.status).toBe(429);
    expect(refused.body.error).toMatchObject({ code: -31429, data: { retryAfterMs: expect.any(Number) } });
    const { retryAfterMs } = refused.body.error.data as { retryAfterMs: number };
    expect(Number(refused.headers.get('retry-after'))).toBe(Math.ceil(retryAfterMs / 1_000));
    expect(refused.headers.get('ratelimit')).toMatch(/^"reads";r=0;t=\d+$/);
    expect(edge.entries.written.at(-1)).toMatchObject({ phase: 'denied', target: 'read_file', outcome: { code: 'rate_limited' } });
  });

  it('leave other tools and other consumers alone', async () => {
    expect((await call(agent, 'files__write_file')).status).toBe(200);
    expect((await call(other, 'files__read_file')).status).toBe(200);
  });

  it('count all tools of a consumer together when told so', async () => {
    expect((await call(other, 'files__write_file')).status).toBe(429);
  });

  it('count the resources of a server together, whatever their URIs', async () => {
    const read = (i: number) => edge.post(agent.key, request('resources/read', { uri: `crm+note://crm/${i}` }));
    expect([(await read(1)).status, (await read(2)).status, (await read(3)).status, (await read(4)).status]).toEqual([200, 200, 200, 429]);
  });

  it('do not tell whether a tool exists that the caller may not see', async () => {
    edge.policy.change((roles, _action, _server, target) => roles.length > 0 && target !== 'read_file');
    expect((await call(agent, 'files__read_file')).body.error.code).toBe(-32602);
    edge.policy.change((roles) => roles.length > 0);
  });

  it('start afresh when they are changed', async () => {
    edge.registry.change('acme', (view) => ({ ...view, limits: [limit('reads', { tool: 'files/read_*', calls: 3 })] }));
    await until(async () => (await call(agent, 'files__read_file')).status === 200);
  });
});
