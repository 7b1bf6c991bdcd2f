import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { runnerDiscover, type ServerName } from '@mcpgw/contracts';
import { ORGANIZATION, RunnerHarness, WORKSPACE } from './runner-harness.js';

const MODULES = path.join(WORKSPACE, 'node_modules');
const entry = (name: string): string => path.join(MODULES, `@modelcontextprotocol/${name}/dist/index.js`);

let runner: RunnerHarness;
beforeAll(async () => {
  runner = await RunnerHarness.start();
});
afterAll(() => runner.close());

describe('servers that are not ours, in the sandbox', () => {
  it('runs server-everything and lists what it offers', async () => {
    runner.define('everything', { command: 'node', args: [entry('server-everything')], sandbox: { read: [MODULES] } });
    const definition = await runner.bus.request(runnerDiscover, { organization: ORGANIZATION, server: 'everything' as ServerName, revision: 1 });
    expect(definition).toMatchObject({ era: 'legacy', protocolVersion: '2025-11-25' });
    expect(definition.tools.map((tool) => tool.name)).toEqual(expect.arrayContaining(['echo', 'get-sum']));
    expect(definition.resources.length).toBeGreaterThan(0);
    expect(definition.prompts.length).toBeGreaterThan(0);
    expect(await runner.call('everything', 'echo', { message: 'hello' })).toBe('Echo: hello');
  }, 30_000);

  it("passes progress on to the caller's own token", async () => {
    await runner.call('everything', 'trigger-long-running-operation', { duration: 0.2, steps: 2 }, { eventsTo: 'edge-1', meta: { progressToken: 'mine' } });
    expect(runner.events).toContainEqual(expect.objectContaining({ method: 'notifications/progress', params: expect.objectContaining({ progressToken: 'mine', progress: 1, total: 2 }) as unknown }));
  }, 30_000);

  it('lets server-filesystem read and write its one folder, which stays there', async () => {
    const folder = path.join(runner.folder, 'files');
    mkdirSync(folder, { mode: 0o700 });
    writeFileSync(path.join(folder, 'a.txt'), 'from the host', { mode: 0o600 });
    runner.define('files', { command: 'node', args: [entry('server-filesystem'), '/shelf'], sandbox: { read: [MODULES], write: [{ path: folder, at: '/shelf' }] } });
    expect(await runner.call('files', 'read_text_file', { path: '/shelf/a.txt' })).toContain('from the host');
    await runner.call('files', 'write_file', { path: '/shelf/b.txt', content: 'from inside' });
    expect(readFileSync(path.join(folder, 'b.txt'), 'utf8')).toBe('from inside');
    expect(await runner.call('files', 'read_text_file', { path: '/etc/shadow' })).toContain('Access denied');
  }, 30_000);

  it('keeps what server-memory remembers over a restart', async () => {
    const folder = path.join(runner.dataDir, 'servers', 'memory');
    const define = (memoryMb: number): void =>
      runner.define('memory', { command: 'node', args: [entry('server-memory')], env: { MEMORY_FILE_PATH: '/memory/graph.jsonl' }, sandbox: { memoryMb, read: [MODULES], write: [{ path: folder, at: '/memory' }] } });
    define(256);
    await runner.call('memory', 'create_entities', { entities: [{ name: 'Ada', entityType: 'person', observations: ['wrote the first program'] }] });
    define(300);
    expect(await runner.call('memory', 'read_graph')).toContain('wrote the first program');
    expect(runner.instance('memory')).toMatchObject({ revision: 2, state: 'ready' });
  }, 30_000);
});
