import { closeSync, constants, mkdirSync, openSync, readFileSync, rmdirSync, writeFileSync, writeSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { signalProcess } from '../processes.js';
import type { Usage } from '../sandbox.js';

/** One directory per controller; on version 2 the same one three times. */
export interface CgroupDirectories {
  readonly memory: string;
  readonly pids: string;
  readonly cpu: string;
}

export interface Limits {
  readonly memoryBytes: number;
  readonly processes: number;
  readonly cpus: number;
}

const CPU_PERIOD_US = 100_000;
const REMOVE_ATTEMPTS = 100;
const REMOVE_PAUSE_MS = 20;

/** The control group of one server's whole process tree. */
export class Cgroup {
  constructor(
    private readonly version: 1 | 2,
    private readonly directories: CgroupDirectories,
  ) {}

  static create(version: 1 | 2, directories: CgroupDirectories, limits: Limits): Cgroup {
    for (const directory of new Set(Object.values(directories))) mkdirSync(directory);
    const quotaUs = Math.round(limits.cpus * CPU_PERIOD_US);
    writeFileSync(path.join(directories.pids, 'pids.max'), String(limits.processes));
    if (version === 1) {
      writeFileSync(path.join(directories.memory, 'memory.limit_in_bytes'), String(limits.memoryBytes));
      writeWhereItExists(path.join(directories.memory, 'memory.memsw.limit_in_bytes'), String(limits.memoryBytes));
      writeFileSync(path.join(directories.cpu, 'cpu.cfs_period_us'), String(CPU_PERIOD_US));
      writeFileSync(path.join(directories.cpu, 'cpu.cfs_quota_us'), String(quotaUs));
    } else {
      writeFileSync(path.join(directories.memory, 'memory.max'), String(limits.memoryBytes));
      writeWhereItExists(path.join(directories.memory, 'memory.swap.max'), '0');
      writeWhereItExists(path.join(directories.memory, 'memory.oom.group'), '1');
      writeWhereItExists(path.join(directories.cpu, 'cpu.max'), `${quotaUs} ${CPU_PERIOD_US}`);
    }
    return new Cgroup(version, directories);
  }

  /** Files that a process writes `0` to in order to join. */
  get joinFiles(): readonly string[] {
    return [...new Set(Object.values(this.directories))].map((directory) => path.join(directory, 'cgroup.procs'));
  }

  processes(): readonly number[] {
    return (read(path.join(this.directories.pids, 'cgroup.procs')) ?? '').split('\n').filter((line) => line !== '' && line !== '0').map(Number);
  }

  usage(): Usage | undefined {
    const memory = read(path.join(this.directories.memory, this.version === 1 ? 'memory.usage_in_bytes' : 'memory.current'));
    const processes = read(path.join(this.directories.pids, 'pids.current'));
    return memory === undefined || processes === undefined ? undefined : { memoryBytes: Number(memory), processes: Number(processes) };
  }

  /** Whether the kernel killed a process of the group because its memory was used up. */
  outOfMemory(): boolean {
    const text = read(path.join(this.directories.memory, this.version === 1 ? 'memory.oom_control' : 'memory.events')) ?? '';
    return Number(/^oom_kill (\d+)$/m.exec(text)?.[1] ?? 0) > 0;
  }

  /** Kills every process of the group. No new ones first: a fork bomb would outrun the signals. */
  kill(): void {
    writeWhereItExists(path.join(this.directories.pids, 'pids.max'), '0');
    if (this.version === 2) writeWhereItExists(path.join(this.directories.pids, 'cgroup.kill'), '1');
    for (const pid of this.processes()) signalProcess(pid, 'SIGKILL');
  }

  /** Removes the group once it is empty, killing what is left. Gives up after about 2 s; the janitor of the next start has it then. */
  async remove(): Promise<void> {
    const left = new Set(Object.values(this.directories));
    for (let attempt = 0; left.size > 0 && attempt < REMOVE_ATTEMPTS; attempt++) {
      if (attempt > 0) await delay(REMOVE_PAUSE_MS);
      for (const directory of left) if (removed(directory)) left.delete(directory);
      if (left.size > 0) this.kill();
    }
  }
}

function removed(directory: string): boolean {
  try {
    rmdirSync(directory);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT';
  }
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return undefined;
  }
}

/** For files that older kernels, or kernels without swap accounting, don't have. */
function writeWhereItExists(file: string, value: string): void {
  try {
    // Neither made nor read: cgroup.kill, for one, can only be written.
    const fd = openSync(file, constants.O_WRONLY);
    try {
      writeSync(fd, value);
    } finally {
      closeSync(fd);
    }
  } catch {
    // Not there, or already at its bound.
  }
}
