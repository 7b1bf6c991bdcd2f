import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from '@jest/globals';
import { registryBootstrap, registrySnapshot, registryStatus } from '@mcpgw/contracts';
import { migrate, startEmbeddedPostgres, type EmbeddedPostgres } from '@mcpgw/platform-database';
import { until } from '@mcpgw/testing';
import { acme, faultOf, startRegistry } from '../fixtures/registry-fixture.js';

test('waits for Postgres and its tables, says so, and goes on by itself each time they are there', async () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'mcpgw-outage-'));
  const place = { directory: path.join(directory, 'postgres'), listen: 'tcp', volatile: true } as const;
  let postgres: EmbeddedPostgres = await startEmbeddedPostgres(place);
  const { url } = postgres;
  const port = Number(new URL(url).port);
  const registry = await startRegistry(url);
  const problem = async (text: string): Promise<boolean> => (await registry.bus.request(registryStatus, {})).problems.some((entry) => entry.component === 'database' && entry.message.includes(text));
  try {
    await until('missing tables are named', () => problem('has no registry tables yet'));
    expect(registry.health.ready()).toBe(false);
    await migrate(url);
    await until('ready', () => registry.health.ready());
    await registry.apply(acme());

    await postgres.stop();
    const fault = await faultOf(registry.bus.request(registrySnapshot, { known: {} }));
    expect(fault.code).toBe('unavailable');
    expect(fault.message).toContain(`127.0.0.1:${port}`);
    expect(fault.message).not.toContain(new URL(url).password);
    await until('the status names Postgres', () => problem(`Postgres at 127.0.0.1:${port}`));
    expect(registry.health.ready()).toBe(false);
    expect(await faultOf(registry.bus.request(registryBootstrap, {}))).toMatchObject({ code: 'unavailable' });

    postgres = await startEmbeddedPostgres({ ...place, port });
    await until('ready again', () => registry.health.ready());
    expect(await registry.apply(acme())).toMatchObject({ unchanged: 7 });
  } finally {
    await registry.close();
    await postgres.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}, 60_000);

test('works through a Unix socket, as the embedded Postgres offers it', async () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'mcpgw-socket-'));
  const postgres = await startEmbeddedPostgres({ directory: path.join(directory, 'postgres'), listen: 'socket', volatile: true });
  await migrate(postgres.url);
  const registry = await startRegistry(postgres.url);
  try {
    expect((await registry.apply(acme())).created).toHaveLength(7);
  } finally {
    await registry.close();
    await postgres.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}, 60_000);
