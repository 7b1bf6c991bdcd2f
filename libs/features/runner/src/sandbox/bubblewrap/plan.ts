import { existsSync, lstatSync, readdirSync, readlinkSync, statSync } from 'node:fs';
import path from 'node:path';
import { RUNTIME_NODE } from '../command.js';
import type { Mount } from '../mounts.js';
import { isWithin, realPathOf } from '../paths.js';

/** All that one launch of bubblewrap needs to know. */
export interface SandboxPlan {
  /** Absolute, inside. */
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly mounts: readonly Mount[];
  readonly tmpBytes: number;
  readonly network: boolean;
}

const UID_INSIDE = 1_000;
const HOME = '/tmp';
/** The library and program folders of the root, links into /usr on most systems. */
const ROOT_FOLDERS = ['/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32'];
/** Public facts that programs look up: certificates, linker cache, alternatives. Nothing of this host's own configuration. */
const PUBLIC_ETC = ['/etc/ssl/certs', '/etc/ssl/openssl.cnf', '/etc/ca-certificates.conf', '/etc/pki/tls/certs', '/etc/pki/ca-trust/extracted', '/etc/ld.so.cache', '/etc/alternatives'];

/** The mounts that every server has beside its own: the synthetic /etc, certificates, name resolution, the gateway's Node. */
export function baseMounts(etcFolder: string, network: boolean, execPath: string): readonly Mount[] {
  const file = (source: string, at: string): Mount => ({ source: realPathOf(source), at, writable: false });
  const made = readdirSync(etcFolder).map((name) => file(path.join(etcFolder, name), `/etc/${name}`));
  const found = [...PUBLIC_ETC, ...(network ? ['/etc/resolv.conf'] : [])].filter((source) => existsSync(source)).map((source) => file(source, source));
  const node = realPathOf(execPath);
  return [...made, ...found, ...(isWithin(node, '/usr') ? [] : [file(node, RUNTIME_NODE)])];
}

/** Files of the synthetic /etc, by name. */
export const ETC_FILES: Readonly<Record<string, string>> = {
  passwd: `root:x:0:0:root:/:/usr/sbin/nologin\nserver:x:${UID_INSIDE}:${UID_INSIDE}::${HOME}:/usr/sbin/nologin\n`,
  group: `root:x:0:\nserver:x:${UID_INSIDE}:\n`,
  hosts: '127.0.0.1 localhost\n::1 localhost\n',
  'nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files dns\n',
};

/** Read-only system folders, the same in both stages. */
function systemArguments(): readonly string[] {
  const links = ROOT_FOLDERS.flatMap((folder) => {
    const state = lstatSync(folder, { throwIfNoEntry: false });
    if (!state) return [];
    return state.isSymbolicLink() ? ['--symlink', readlinkSync(folder), folder] : ['--ro-bind', folder, folder];
  });
  return ['--ro-bind', '/usr', '/usr', ...links];
}

/**
 * The sandbox itself, as arguments for `--args FD`: not even the command line of the launcher shows what is in them, and the
 * environment reaches only the server. Capabilities are none, the root is read-only last, after all mount points exist.
 */
export function sandboxArguments(plan: SandboxPlan, sourceOf: (mount: Mount) => string): readonly string[] {
  const bind = (mount: Mount): readonly string[] => [mount.writable ? '--bind' : '--ro-bind', sourceOf(mount), mount.at];
  const environment = { PATH: `${path.dirname(RUNTIME_NODE)}:/usr/local/bin:/usr/bin:/bin`, HOME, LANG: 'C.UTF-8', ...plan.env };
  return [
    '--unshare-user', '--unshare-all', ...(plan.network ? ['--share-net'] : []), '--disable-userns',
    '--die-with-parent', '--new-session', '--cap-drop', 'ALL',
    '--uid', String(UID_INSIDE), '--gid', String(UID_INSIDE), '--hostname', 'sandbox',
    ...systemArguments(),
    '--proc', '/proc', '--dev', '/dev',
    '--perms', '1777', '--size', String(plan.tmpBytes), '--tmpfs', '/tmp',
    ...plan.mounts.flatMap(bind),
    '--remount-ro', '/dev', '--remount-ro', '/',
    '--chdir', HOME, '--clearenv',
    ...Object.entries(environment).flatMap(([name, value]) => ['--setenv', name, value]),
  ]; // prettier-ignore
}

const STAGE = '/staged';

/** Where the first stage puts a mount's source for the second. */
export function stagedPath(index: number): string {
  return `${STAGE}/${index}`;
}

/**
 * The first stage, run as root only: a mount namespace in which every source is reachable for the user that the second stage
 * drops to, however closed the folders above it are. The host's /proc stays as it is, because the kernel lets an
 * unprivileged namespace mount its own only where an uncovered one is visible.
 */
export function stageArguments(mounts: readonly Mount[]): readonly string[] {
  return [
    '--unshare-pid', '--unshare-ipc', '--unshare-uts', '--die-with-parent',
    ...systemArguments(),
    '--dev-bind', '/proc', '/proc', '--dev-bind', '/dev', '/dev', '--tmpfs', '/tmp', '--dir', STAGE,
    ...mounts.flatMap((mount, index) => stageMount(mount, stagedPath(index))),
    '--remount-ro', '/',
  ]; // prettier-ignore
}

function stageMount(mount: Mount, at: string): readonly string[] {
  if (mount.writable) return ['--bind', mount.source, at];
  const state = statSync(mount.source);
  const isOpen = (state.mode & 0o005) === 0o005;
  if (!state.isDirectory() || isOpen) return ['--ro-bind', mount.source, at];
  // The folder itself is closed (a checkout with mode 0700): its entries are mounted into an open one. Links stay links.
  const entries = readdirSync(mount.source, { withFileTypes: true }).flatMap((entry) => {
    const source = path.join(mount.source, entry.name);
    if (entry.isSymbolicLink()) return ['--symlink', readlinkSync(source), `${at}/${entry.name}`];
    return entry.isFile() || entry.isDirectory() ? ['--ro-bind', source, `${at}/${entry.name}`] : [];
  });
  return ['--perms', '0755', '--dir', at, ...entries];
}
