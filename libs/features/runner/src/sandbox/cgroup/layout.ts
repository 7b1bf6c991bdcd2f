import path from 'node:path';

/** Where the controllers that we need may be given to us: directories to try in order, per controller. */
export interface CgroupLayout {
  readonly version: 1 | 2;
  readonly memory: readonly string[];
  readonly pids: readonly string[];
  readonly cpu: readonly string[];
  /** The group that this process is in; version 2 only. */
  readonly self?: string;
}

interface CgroupMount {
  readonly root: string;
  readonly at: string;
  readonly controllers: readonly string[];
  readonly version: 1 | 2;
}

/**
 * Reads /proc/self/mountinfo and /proc/self/cgroup (cgroups(7)). On version 1, or hybrid, a group below our own comes first,
 * so that limits set on the runner hold for its servers too; then the top, where an administrator may have made `mcpgw`.
 * On version 2 a group that holds processes can't have limited children, so that siblings of our own come first.
 */
export function cgroupLayout(mountinfo: string, selfCgroup: string, under: string): CgroupLayout | undefined {
  const mounts = readMounts(mountinfo).filter((mount) => mount.at === under || mount.at.startsWith(`${under}/`));
  const own = ownPaths(selfCgroup);
  const v1 = (controller: string): readonly string[] | undefined => {
    const mount = mounts.find((candidate) => candidate.version === 1 && candidate.controllers.includes(controller));
    return mount && unique([directory(mount, own.get(controller)), mount.at]);
  };
  const [memory, pids, cpu] = [v1('memory'), v1('pids'), v1('cpu')];
  if (memory && pids && cpu) return { version: 1, memory, pids, cpu };
  const unified = mounts.find((mount) => mount.version === 2);
  if (!unified) return undefined;
  const self = directory(unified, own.get(''));
  const directories = unique([...(self === unified.at ? [] : [path.dirname(self)]), self, unified.at]);
  return { version: 2, memory: directories, pids: directories, cpu: directories, self };
}

function readMounts(mountinfo: string): readonly CgroupMount[] {
  return mountinfo.split('\n').flatMap((line): CgroupMount[] => {
    const [before, after] = line.split(' - ');
    const [type, , options] = after?.split(' ') ?? [];
    const [, , , root, at] = before?.split(' ') ?? [];
    if (root === undefined || at === undefined) return [];
    if (type === 'cgroup2') return [{ root, at, controllers: [], version: 2 }];
    return type === 'cgroup' ? [{ root, at, controllers: options?.split(',') ?? [], version: 1 }] : [];
  });
}

/** Controller -> path of our group; the unified hierarchy under ''. */
function ownPaths(selfCgroup: string): ReadonlyMap<string, string> {
  const paths = new Map<string, string>();
  for (const line of selfCgroup.split('\n')) {
    const [, controllers, ...rest] = line.split(':');
    if (controllers === undefined) continue;
    for (const controller of controllers.split(',')) paths.set(controller, rest.join(':'));
  }
  return paths;
}

/** A container sees its group's path from the host's root, while the mount shows only a part of it. */
function directory(mount: CgroupMount, own: string | undefined): string {
  if (own === undefined || own.includes('..')) return mount.at;
  if (mount.root === '/') return path.join(mount.at, own).replace(/\/$/, '');
  return own.startsWith(mount.root) ? path.join(mount.at, own.slice(mount.root.length)).replace(/\/$/, '') : mount.at;
}

function unique(values: readonly string[]): readonly string[] {
  return [...new Set(values)];
}
