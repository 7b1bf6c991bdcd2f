import type { AuditEntry } from '@mcpgw/contracts';
import { until } from './child.js';
import { writeFixtureConfig } from './fixture-config.js';
import { modern, type RawReply } from './raw-client.js';
import { applyFile, createKey, json, restart, type System } from './system.js';
import { startHttpUpstream } from './upstream.js';

/** What the separate services must do while one of them, or an engine, is away. */
export function outages(open: () => Promise<System>): void {
  let system: System;
  let upstream: Awaited<ReturnType<typeof startHttpUpstream>>;
  let key: string;
  const echo = (message: string, server = 'remote'): Promise<RawReply> => modern(`${system.edgeUrl}/mcp`, key, 'tools/call', { name: `${server}__echo`, arguments: { message } });
  const works = (server?: string): Promise<unknown> => until('calls are answered', async () => (await echo('again', server)).message.result, 45_000);

  beforeAll(async () => {
    system = await open();
    upstream = await startHttpUpstream(system.directory);
    await applyFile(system, writeFixtureConfig({ directory: system.directory, upstreamUrl: upstream.url }));
    ({ key } = await createKey(system, 'acme', 'agent'));
    await works();
  }, 180_000);
  afterAll(async () => {
    await upstream?.child.stop();
    await system?.close();
  }, 90_000);

  async function entries(): Promise<readonly AuditEntry[]> {
    const { stdout, stderr, code } = await system.mcpgw(['audit', 'tail', '--since', '1h', '--organization', 'acme', '--json']);
    if (code !== 0) throw new Error(stderr);
    return stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line) as AuditEntry);
  }

  it('serves on while Postgres is away, says so, and catches up when it is back', async () => {
    const before = (await entries()).filter((entry) => entry.phase === 'outcome').length;
    await system.stop('postgres', 'SIGKILL');
    for (let index = 0; index < 10; index += 1) expect((await echo(`without a database ${index}`)).message.result).toBeDefined();
    const status = await until(
      'the status names Postgres',
      async () => {
        const { stdout } = await system.mcpgw(['status', '--json']);
        return /postgres/i.test(stdout) && stdout.includes('"services"') ? stdout : undefined;
      },
      20_000,
    );
    expect(status).toMatch(/audit/);
    await system.start('postgres');
    await until('the log has what the spool held', async () => (await entries()).filter((entry) => entry.phase === 'outcome').length >= before + 10, 45_000);
    await until('it verifies', async () => (await json<{ ok: boolean }>(system, 'audit', 'verify')).ok, 20_000);
  }, 150_000);

  it('serves HTTP servers on while NATS is away, answers for stdio servers at once, and comes back', async () => {
    await system.stop('nats', 'SIGKILL');
    expect((await echo('without a bus')).message.result).toBeDefined();
    const stdio = await echo('without a bus', 'everything');
    expect(stdio.message.error?.message).toMatch(/runner|bus|NATS/i);
    await system.start('nats');
    await works('everything');
  }, 90_000);

  it('restarts without the registry and the decision point, on what it kept', async () => {
    await system.stop('registry', 'SIGKILL');
    await system.stop('policy', 'SIGKILL');
    await restart(system, 'edge', 'SIGKILL');
    await works();
    await system.start('registry');
    await system.start('policy');
  }, 90_000);

  it('names a server that dies in mid-call and starts it again for the next', async () => {
    const long = modern(`${system.edgeUrl}/mcp`, key, 'tools/call', { name: 'everything__trigger-long-running-operation', arguments: { duration: 20, steps: 2 } });
    await until('the call is under way', async () => (await entries()).some((entry) => entry.phase === 'intent' && entry.target === 'trigger-long-running-operation'));
    await system.stop('runner', 'SIGKILL');
    const reply = await long;
    expect(reply.message.error?.message).toMatch(/everything|runner/);
    await system.start('runner');
    await works('everything');
  }, 90_000);
}
