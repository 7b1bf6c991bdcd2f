import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { Cgroup, type CgroupDirectories } from './cgroup.js';

const same = (directory: string): CgroupDirectories => ({ memory: directory, pids: directory, cpu: directory });

/** A hierarchy of version 2 that can be written, with or without controllers: killing needs none. */
function unified(): string | undefined {
  const mount = readFileSync('/proc/self/mountinfo', 'utf8').split('\n').find((line) => line.includes(' - cgroup2 '));
  return mount?.split(' ')[4];
}

describe('a control group of version 2', () => {
  it('has its limits in the words of that version, in one folder', () => {
    // Plain files stand for the kernel's: what is written and read is the same.
    const folder = mkdtempSync(path.join(tmpdir(), 'mcpgw-cgroup-'));
    const directory = path.join(folder, 'server');
    const group = Cgroup.create(2, same(directory), { memoryBytes: 1_048_576, processes: 12, cpus: 1.5 });
    expect(Object.fromEntries(readdirSync(directory).map((name) => [name, readFileSync(path.join(directory, name), 'utf8')]))).toEqual({ 'memory.max': '1048576', 'pids.max': '12' });
    expect(group.joinFiles).toEqual([path.join(directory, 'cgroup.procs')]);
    writeFileSync(path.join(directory, 'memory.current'), '4096\n');
    writeFileSync(path.join(directory, 'pids.current'), '3\n');
    expect(group.usage()).toEqual({ memoryBytes: 4_096, processes: 3 });
    writeFileSync(path.join(directory, 'memory.events'), 'low 0\nhigh 0\nmax 7\noom 1\noom_kill 0\noom_group_kill 0\n');
    expect(group.outOfMemory()).toBe(false);
    writeFileSync(path.join(directory, 'memory.events'), 'max 7\noom 1\noom_kill 2\n');
    expect(group.outOfMemory()).toBe(true);
    rmSync(folder, { recursive: true });
  });

  it('ends with all that joined it', async () => {
    const root = unified();
    expect(root).toBeDefined();
    const directory = path.join(root as string, `mcpgw-spec-${process.pid}`);
    mkdirSync(directory);
    const group = new Cgroup(2, same(directory));
    const child = spawn('/bin/sh', ['-c', 'echo 0 > "$1"; sleep 300 & echo in; wait', 'sh', ...group.joinFiles], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(child.stdout, 'data');
    expect(group.processes()).toHaveLength(2);
    const exit = once(child, 'exit');
    group.kill();
    expect(await exit).toEqual([null, 'SIGKILL']);
    await group.remove();
    expect(existsSync(directory)).toBe(false);
  });
});
