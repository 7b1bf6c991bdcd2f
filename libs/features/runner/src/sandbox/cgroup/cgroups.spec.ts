import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, readlinkSync } from 'node:fs';
import path from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { Cgroups } from './cgroups.js';

const LIMITS = { memoryBytes: 67_108_864, processes: 16, cpus: 0.5 };
const opened = Cgroups.open('/sys/fs/cgroup');
afterAll(() => opened.cgroups?.close());

describe('control groups', () => {
  // These specs need a machine where limits can be set: run them as root, or give your user /sys/fs/cgroup/mcpgw.
  it('can be made here', () => expect(opened.reason).toBeUndefined());

  it('hold what joins, count it, and end it', async () => {
    const group = (opened.cgroups as Cgroups).create('spec', LIMITS);
    const child = spawn('/bin/sh', ['-c', 'for file; do echo 0 > "$file"; done; echo in; exec sleep 300', 'sh', ...group.joinFiles], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(child.stdout, 'data');
    expect(group.processes()).toEqual([child.pid]);
    expect(group.usage()).toMatchObject({ processes: 1 });
    expect(group.outOfMemory()).toBe(false);
    const exit = once(child, 'exit');
    group.kill();
    expect(await exit).toEqual([null, 'SIGKILL']);
    await group.remove();
    expect(group.joinFiles.filter((file) => existsSync(path.dirname(file)))).toEqual([]);
  });

  it('of a runner that died are emptied and removed when the next one starts; those of the living stay', async () => {
    const mine = (opened.cgroups as Cgroups).create('mine', LIMITS);
    const namespace = /\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0] ?? '';
    const stale = mine.joinFiles.map((file) => path.join(path.dirname(file), '../..', `${namespace}-999999999-1`, 'left'));
    for (const directory of stale) mkdirSync(directory, { recursive: true });
    const child = spawn('/bin/sh', ['-c', 'for file; do echo 0 > "$file"; done; echo in; exec sleep 300', 'sh', ...stale.map((directory) => path.join(directory, 'cgroup.procs'))], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(child.stdout, 'data');
    const exit = once(child, 'exit');
    expect(Cgroups.open('/sys/fs/cgroup').reason).toBeUndefined();
    expect(await exit).toEqual([null, 'SIGKILL']);
    while (stale.some((directory) => existsSync(path.dirname(directory)))) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(mine.joinFiles.every((file) => existsSync(file))).toBe(true);
    await mine.remove();
  });

  it('set the limits that were asked for', async () => {
    const group = (opened.cgroups as Cgroups).create('limits', LIMITS);
    const values = group.joinFiles.flatMap((file) => ['memory.limit_in_bytes', 'memory.max', 'pids.max', 'cpu.cfs_quota_us', 'cpu.max'].map((name) => path.join(path.dirname(file), name)));
    const found = values.filter((file) => existsSync(file)).map((file) => readFileSync(file, 'utf8').trim());
    expect(found.map((value) => value.split(' ')[0]).sort()).toEqual(['16', '50000', '67108864']);
    await group.remove();
  });

  it('are done without where none are mounted, with the reason', () => {
    expect(Cgroups.open('/nonexistent').reason).toContain('no control groups');
  });
});
