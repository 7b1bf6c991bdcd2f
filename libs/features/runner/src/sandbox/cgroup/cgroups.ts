import { mkdirSync, readdirSync, readFileSync, readlinkSync, rmdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { processStat } from '../processes.js';
import { Cgroup, type CgroupDirectories, type Limits } from './cgroup.js';
import { cgroupLayout, type CgroupLayout } from './layout.js';

const FOLDER = 'mcpgw';

/**
 * Control groups by plain file-system writes: `<parent>/mcpgw/<owner>/<instance>`. `owner` is this process and cannot be
 * mistaken for a later one with the same number; groups of owners that died are emptied and removed at start.
 */
export class Cgroups {
  private constructor(
    private readonly version: 1 | 2,
    private readonly owned: CgroupDirectories,
    readonly limitsCpu: boolean,
  ) {}

  /** `undefined` and the reason when limits can't be set here. */
  static open(root: string): { readonly cgroups?: Cgroups; readonly reason?: string } {
    const opened = Cgroups.tryOpen(root);
    // Another runner that ends may have removed the common folder under our feet.
    return opened.cgroups ? opened : Cgroups.tryOpen(root);
  }

  private static tryOpen(root: string): { readonly cgroups?: Cgroups; readonly reason?: string } {
    try {
      const layout = cgroupLayout(readFileSync('/proc/self/mountinfo', 'utf8'), readFileSync('/proc/self/cgroup', 'utf8'), root);
      if (!layout) return { reason: `no control groups for memory, pids and cpu are mounted under ${root}` };
      const parents = chooseParents(layout) ?? delegatedParent(layout);
      if (!parents) return { reason: `${layout.version === 1 ? layout.memory.join(' and ') : layout.memory.join(', ')} can't be written` };
      for (const parent of new Set(Object.values(parents))) reap(layout.version, path.join(parent, FOLDER));
      const owned = mapDirectories(parents, (parent) => path.join(parent, FOLDER, ownerName(process.pid)));
      for (const directory of new Set(Object.values(owned))) mkdirSync(directory, { recursive: true });
      if (layout.version === 2) for (const directory of [path.dirname(owned.memory), owned.memory]) enableControllers(directory);
      const limitsCpu = layout.version === 1 || readFileSync(path.join(owned.cpu, 'cgroup.subtree_control'), 'utf8').split(/\s+/).includes('cpu');
      return { cgroups: new Cgroups(layout.version, owned, limitsCpu) };
    } catch (error) {
      return { reason: error instanceof Error ? error.message : String(error) };
    }
  }

  create(name: string, limits: Limits): Cgroup {
    return Cgroup.create(this.version, mapDirectories(this.owned, (directory) => path.join(directory, name)), limits);
  }

  /** Removes what is ours, once the instances are gone, and the common folder when nobody else uses it. */
  close(): void {
    for (const directory of new Set(Object.values(this.owned))) {
      removeIfEmpty(directory);
      removeIfEmpty(path.dirname(directory));
    }
  }
}

function chooseParents(layout: CgroupLayout): CgroupDirectories | undefined {
  const memory = layout.memory.find((directory) => canHold(layout.version, directory, 'memory.limit_in_bytes'));
  if (layout.version === 2) return memory === undefined ? undefined : { memory, pids: memory, cpu: memory };
  const pids = layout.pids.find((directory) => canHold(1, directory, 'pids.max'));
  const cpu = layout.cpu.find((directory) => canHold(1, directory, 'cpu.cfs_quota_us'));
  return memory !== undefined && pids !== undefined && cpu !== undefined ? { memory, pids, cpu } : undefined;
}

/**
 * Version 2, a delegated group (systemd's `Delegate=yes`) that holds ourselves: we step down into a leaf of it, and back when
 * that didn't help because others live there too.
 */
function delegatedParent({ version, self }: CgroupLayout): CgroupDirectories | undefined {
  if (version === 1 || self === undefined) return undefined;
  const leaf = path.join(self, `${FOLDER}-runner`);
  try {
    mkdirSync(leaf, { recursive: true });
    writeFileSync(path.join(leaf, 'cgroup.procs'), '0');
    if (canHold(2, self, 'memory.max')) return { memory: self, pids: self, cpu: self };
    writeFileSync(path.join(self, 'cgroup.procs'), '0');
    rmdirSync(leaf);
  } catch {
    // Not delegated to us.
  }
  return undefined;
}

/** Tries it: what the files' modes say is not what a container or a delegated group allows. */
function canHold(version: 1 | 2, parent: string, limitFile: string): boolean {
  const base = path.join(parent, FOLDER);
  const trial = path.join(base, `trial-${process.pid}`);
  try {
    mkdirSync(base, { recursive: true });
    if (version === 2) {
      enableControllers(parent);
      enableControllers(base);
    }
    mkdirSync(trial);
    return readdirSync(trial).includes(version === 2 ? 'memory.max' : limitFile) && (version === 1 || readdirSync(trial).includes('pids.max'));
  } catch {
    return false;
  } finally {
    removeIfEmpty(trial);
  }
}

/** Version 2: children have only the controllers that their parent passes on. Refused (EBUSY) where processes live. */
function enableControllers(directory: string): void {
  const file = path.join(directory, 'cgroup.subtree_control');
  const enabled = new Set(readFileSync(file, 'utf8').trim().split(/\s+/));
  const available = readFileSync(path.join(directory, 'cgroup.controllers'), 'utf8').trim().split(/\s+/);
  // Older systemd gives users memory and pids, but not cpu: that much is worth having.
  const wanted = ['memory', 'pids', ...(available.includes('cpu') ? ['cpu'] : [])].filter((controller) => !enabled.has(controller));
  if (wanted.length > 0) writeFileSync(file, wanted.map((controller) => `+${controller}`).join(' '));
}

/** The janitor: kills and removes groups whose owner no longer lives. */
function reap(version: 1 | 2, base: string): void {
  const namespace = pidNamespace();
  for (const owner of folders(base)) {
    const [ownerNamespace, pid] = owner.split('-');
    if (ownerNamespace !== namespace || ownerName(Number(pid)) === owner) continue;
    for (const name of folders(path.join(base, owner))) {
      const directory = path.join(base, owner, name);
      const group = new Cgroup(version, { memory: directory, pids: directory, cpu: directory });
      group.kill();
      void group.remove().then(() => removeIfEmpty(path.join(base, owner)));
    }
    try {
      rmdirSync(path.join(base, owner));
    } catch {
      // Its last processes are still ending: the next start removes it.
    }
  }
}

function ownerName(pid: number): string {
  return `${pidNamespace()}-${pid}-${processStat(pid)?.startTime ?? 'gone'}`;
}

/** Process numbers mean something only inside their namespace: two containers may share one cgroup file system. */
function pidNamespace(): string {
  return /\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0] ?? '0';
}

function folders(directory: string): readonly string[] {
  try {
    return readdirSync(directory, { withFileTypes: true }).filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  } catch {
    return [];
  }
}

/** A control group that holds processes or groups, or is gone already, is left as it is. */
function removeIfEmpty(directory: string): void {
  try {
    rmdirSync(directory);
  } catch {
    // In use, or never made.
  }
}

function mapDirectories(directories: CgroupDirectories, change: (directory: string) => string): CgroupDirectories {
  return { memory: change(directories.memory), pids: change(directories.pids), cpu: change(directories.cpu) };
}
