import { existsSync, lstatSync, mkdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { allProcesses, descendants } from '../sandbox/processes.js';
import { faultOf, FIXTURES, RunnerHarness, until } from './runner-harness.js';

let runner: RunnerHarness;
beforeAll(async () => {
  runner = await RunnerHarness.start();
  runner.fixture('bystander', 'moody.mjs');
  // Fails here, with what to install, where the machine can't run sandboxes: these specs never skip.
  expect(await runner.call('bystander', 'echo', { text: 'hello' })).toBe('hello');
  expect(runner.problem('sandbox')).toBeUndefined();
}, 30_000);
afterAll(() => runner.close());

const bystanderAnswers = async (): Promise<void> => expect(await runner.call('bystander', 'echo', { text: 'still here' })).toBe('still here');

describe('what a sandboxed server tries', () => {
  it('memory bomb: is killed at its own limit, and nobody else', async () => {
    runner.fixture('bomb', 'attacker.mjs', {}, { memoryMb: 128 });
    expect(await runner.call('bomb', 'allocate', { megabytes: 32 })).toBe('32 MB');
    expect(await faultOf(runner.call('bomb', 'allocate', { megabytes: 600 }))).toMatch(/^upstream_lost: The server "bomb" used up its 128 MiB of memory/);
    expect(runner.problem('server acme/bomb')).toContain('OOM');
    await bystanderAnswers();
  }, 30_000);

  it('memory bomb: the same allocation succeeds under a higher limit', async () => {
    runner.fixture('bomb-allowed', 'attacker.mjs', {}, { memoryMb: 1_024 });
    expect(await runner.call('bomb-allowed', 'allocate', { megabytes: 600 })).toBe('600 MB');
  }, 30_000);

  it('disk bomb: its /tmp ends at its size', async () => {
    runner.fixture('filler', 'attacker.mjs', {}, { tmpMb: 4 });
    const fill = (count: number): Promise<string> => runner.call('filler', 'run', { command: '/usr/bin/dd', args: ['if=/dev/zero', 'of=/tmp/fill', 'bs=1M', `count=${count}`] });
    expect(await fill(2)).toMatch(/^0 /);
    expect(await fill(16)).toMatch(/^1 .*No space left/s);
  }, 30_000);

  it('fork bomb: stops at its limit, and the whole tree ends with it', async () => {
    runner.fixture('forker', 'attacker.mjs', {}, { processes: 40 });
    expect(await runner.call('forker', 'fork', { count: 5 })).toBe('5');
    const forked = Number(await runner.call('forker', 'fork', { count: 300 }));
    expect(forked).toBeLessThan(40);
    await bystanderAnswers();
    const tree = descendants(process.pid).filter((pid) => commandLine(pid).startsWith('/usr/bin/sleep 300'));
    expect(tree.length).toBe(forked + 5);
    runner.fixture('forker', 'attacker.mjs', {}, { processes: 41 });
    await runner.call('forker', 'fork', { count: 0 });
    await until(() => tree.every((pid) => !commandLine(pid).startsWith('/usr/bin/sleep 300')));
  }, 30_000);

  it('endless loop: times out, is killed at the second time, and works again afterwards', async () => {
    runner.fixture('looper', 'attacker.mjs');
    expect(Number(await runner.call('looper', 'spin', { ms: 20 }))).toBeGreaterThan(0);
    const spin = (): Promise<string> => faultOf(runner.call('looper', 'spin', { ms: 600_000 }, { timeoutMs: 400 }));
    expect(await spin()).toMatch(/^timeout: The server "looper" did not answer tools\/call within/);
    expect(await spin()).toMatch(/^timeout/);
    await bystanderAnswers();
    expect(Number(await runner.call('looper', 'spin', { ms: 20 }))).toBeGreaterThan(0);
    expect(runner.instance('looper')).toMatchObject({ restarts: 1 });
  }, 30_000);

  it('endless loop: gets no more processor time than its share', async () => {
    runner.fixture('slow', 'attacker.mjs', {}, { cpus: 0.2 });
    runner.fixture('fast', 'attacker.mjs', {}, { cpus: 2 });
    const [slow, fast] = [Number(await runner.call('slow', 'spin', { ms: 1_500 })), Number(await runner.call('fast', 'spin', { ms: 1_500 }))];
    expect(slow).toBeLessThan(600);
    expect(fast).toBeGreaterThan(slow);
  }, 30_000);

  it("another server's secret: is in no process and no file that it can see", async () => {
    const [theirs, own] = [randomUUID(), randomUUID()];
    const folder = path.join(runner.folder, 'victim');
    runner.fixture('victim', 'attacker.mjs', { env: { TOKEN: 'secret://victim/token' } }, { write: [{ path: folder, at: '/victim' }] });
    runner.secret('victim', 'victim/token', theirs);
    runner.fixture('thief', 'attacker.mjs', { env: { TOKEN: 'secret://thief/token' } });
    runner.secret('thief', 'thief/token', own);
    const search = async (server: string, value: string): Promise<string[]> =>
      JSON.parse(await runner.call(server, 'search', { half: value.slice(0, 18), otherHalf: value.slice(18), folder })) as string[];
    expect((await search('victim', theirs)).length).toBeGreaterThan(0);
    writeFileSync(path.join(folder, 'note.txt'), theirs);
    expect(await search('thief', own)).toContainEqual(expect.stringMatching(/^\/proc\/\d+\/environ$/));
    expect(await search('thief', theirs)).toEqual([]);
  }, 30_000);

  it("a secret: stands in the environment of its server's processes alone, and in no command line", async () => {
    const value = randomUUID();
    runner.fixture('holder', 'moody.mjs', { env: { TOKEN: 'Bearer secret://holder/token' } });
    runner.secret('holder', 'holder/token', value);
    expect(await runner.call('holder', 'environment', { name: 'TOKEN' })).toBe('Bearer [redacted secret]');
    const holders = allProcesses().filter((pid) => readOf(pid, 'environ').includes(value));
    expect(holders.map((pid) => commandLine(pid).includes('moody.mjs') && !commandLine(pid).includes('bwrap'))).toEqual([true]);
    expect(allProcesses().filter((pid) => commandLine(pid).includes(value))).toEqual([]);
  }, 30_000);

  it("forbidden port: the host's loopback can't be reached", async () => {
    const listener = await listen();
    const { port } = listener.address() as AddressInfo;
    runner.fixture('caller', 'attacker.mjs');
    runner.fixture('networker', 'attacker.mjs', {}, { network: 'host' });
    expect(await runner.call('networker', 'connect', { host: '127.0.0.1', port })).toBe('connected');
    expect(await runner.call('caller', 'connect', { host: '127.0.0.1', port })).toBe('ECONNREFUSED');
    expect(await runner.call('caller', 'connect', { host: '::1', port })).not.toBe('connected');
    expect(await runner.call('caller', 'connect', { host: '192.0.2.1', port: 80 })).toBe('ENETUNREACH');
    listener.close();
  }, 30_000);

  it('writing outside of its folder: fails everywhere, through links too', async () => {
    const [own, other] = [path.join(runner.folder, 'own'), path.join(runner.folder, 'other')];
    mkdirSync(other);
    runner.fixture('writer', 'attacker.mjs', {}, { write: [{ path: own, at: '/own' }] });
    const write = (file: string): Promise<string> => runner.call('writer', 'write', { file });
    expect(await write('/own/allowed')).toBe('done');
    expect(readFileSync(path.join(own, 'allowed'), 'utf8')).toBe('written by the attacker');
    expect(await write('/tmp/allowed')).toBe('done');
    for (const file of ['/x', '/etc/x', '/usr/x', '/usr/local/bin/x', '/dev/x', '/own/../x', path.join(FIXTURES, 'x')]) expect(await write(file)).toMatch(/^(EROFS|EACCES)$/);
    expect(await write(path.join(other, 'x'))).toBe('ENOENT');
    expect(await runner.call('writer', 'link', { target: other, at: '/own/link' })).toBe('done');
    expect(readlinkSync(path.join(own, 'link'))).toBe(other);
    expect(await write('/own/link/x')).toBe('ENOENT');
    expect(existsSync(path.join(other, 'x'))).toBe(false);
  }, 30_000);

  it('a link in its folder does not lead root astray when the folder is prepared again', async () => {
    const [own, bait] = [path.join(runner.folder, 'baited'), path.join(runner.folder, 'bait')];
    writeFileSync(bait, 'the host\'s');
    runner.fixture('baiter', 'attacker.mjs', {}, { write: [{ path: own, at: '/own' }] });
    expect(await runner.call('baiter', 'link', { target: bait, at: '/own/link' })).toBe('done');
    // The folder goes to another server, so that its content changes hands.
    runner.fixture('heir', 'attacker.mjs', {}, { write: [{ path: own, at: '/own' }] });
    expect(await runner.call('heir', 'write', { file: '/own/mine' })).toBe('done');
    expect(lstatSync(bait).uid).toBe(process.getuid?.());
  }, 30_000);

  it('privileges: none to have and none to gain', async () => {
    runner.fixture('climber', 'attacker.mjs', { env: { DECLARED: 'yes' } });
    const seen = JSON.parse(await runner.call('climber', 'whoami')) as { status: string; env: Record<string, string>; root: string[]; etc: string[] };
    expect(seen.status).toMatch(/CapEff:\s+0{16}\n/);
    expect(seen.status).toMatch(/CapBnd:\s+0{16}\n/);
    expect(seen.status).toMatch(/NoNewPrivs:\s+1\n/);
    expect(seen.status).toMatch(/Seccomp:\s+2\n/);
    expect(Object.keys(seen.env).filter((name) => name !== 'PWD').sort()).toEqual(['DECLARED', 'HOME', 'LANG', 'PATH']);
    expect(seen.root).not.toContain('home');
    expect(seen.etc).not.toContain('shadow');
    const run = (command: string, ...args: string[]): Promise<string> => runner.call('climber', 'run', { command, args });
    expect(await run('/usr/bin/echo', 'control')).toBe('0 control');
    expect(await run('/usr/bin/unshare', '--user', 'true')).toMatch(/not permitted|No space/);
    expect(await run('/usr/bin/mount', '-t', 'tmpfs', 'none', '/tmp')).not.toMatch(/^0/);
    expect(await run('/usr/bin/ls', '/proc/self/fd')).toBe('0 0\n1\n2\n3');
  }, 30_000);

  it('never runs as the host\'s root', async () => {
    runner.fixture('climber-uid', 'attacker.mjs');
    await runner.call('climber-uid', 'fork', { count: 1 });
    const servers = descendants(process.pid).filter((pid) => commandLine(pid).includes('attacker.mjs') && !commandLine(pid).includes('bwrap'));
    expect(servers.length).toBeGreaterThan(0);
    for (const pid of servers) expect(readOf(pid, 'status')).not.toMatch(/^Uid:\s+0\b/m);
  }, 30_000);
});

function listen(): Promise<Server> {
  const server = createServer((socket) => socket.destroy());
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}

function readOf(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1');
  } catch {
    return '';
  }
}

function commandLine(pid: number): string {
  return readOf(pid, 'cmdline').replaceAll('\0', ' ');
}
