import { spawn, type ChildProcess } from 'node:child_process';
import type { Writable } from 'node:stream';
import { findTool } from '../paths.js';

/** Programs that a launch runs through, by absolute path. */
export interface Tools {
  readonly bash: string;
  readonly prlimit: string;
  readonly setpriv: string;
  readonly bwrap: string;
}

const PACKAGES: Readonly<Record<keyof Tools, string>> = { bash: 'bash', prlimit: 'util-linux', setpriv: 'util-linux', bwrap: 'bubblewrap' };

export function findTools(): { readonly tools: Tools; readonly missing?: undefined } | { readonly tools?: undefined; readonly missing: readonly string[] } {
  const [bash, prlimit, setpriv, bwrap] = [findTool('bash'), findTool('prlimit'), findTool('setpriv'), findTool('bwrap')];
  if (bash && prlimit && setpriv && bwrap) return { tools: { bash, prlimit, setpriv, bwrap } };
  const names = Object.keys(PACKAGES) as (keyof Tools)[];
  return { missing: [...new Set(names.filter((name) => findTool(name) === undefined).map((name) => PACKAGES[name]))] };
}

/** The only environment that programs before the server ever see. What a server defines would run in them (LD_PRELOAD). */
const WRAPPER_ENVIRONMENT = { PATH: '/usr/bin:/bin' };
const ARGUMENTS_FD = 3;
const SECCOMP_FD = 4;

/**
 * Runs first in the child: closes what we may have inherited from whoever started us (Node passes on descriptors that it
 * did not open), joins the control groups, and becomes the next program.
 */
const ENTER = `
for fd in /proc/self/fd/*; do n=\${fd##*/}; if (( n > ${SECCOMP_FD} )); then eval "exec $n>&-"; fi; done
groups=$1; shift
while (( groups-- > 0 )); do echo 0 > "$1" || exit 125; shift; done
exec "$@"`;

export interface Launch {
  readonly tools: Tools;
  /** `cgroup.procs` files to join. */
  readonly joinFiles: readonly string[];
  /** Options of prlimit(1) for the whole tree. */
  readonly limits: readonly string[];
  /** With root: the user to become, and the arguments of the stage before. */
  readonly drop?: { readonly uid: number; readonly stage: readonly string[] } | undefined;
  readonly sandbox: readonly string[];
  readonly seccomp: Buffer | undefined;
  readonly command: readonly string[];
}

export function runLaunch(launch: Launch): ChildProcess {
  const { tools, drop } = launch;
  const seccomp = launch.seccomp ? ['--seccomp', String(SECCOMP_FD)] : [];
  const inner = [tools.bwrap, ...seccomp, '--args', String(ARGUMENTS_FD), '--', ...launch.command];
  const outer = drop ? [tools.bwrap, ...drop.stage, '--', ...becomeUser(tools, drop.uid), ...inner] : inner;
  const enter = ['--norc', '--noprofile', '-p', '-c', ENTER, 'mcpgw-enter', String(launch.joinFiles.length), ...launch.joinFiles];
  const child = spawn(tools.bash, [...enter, tools.prlimit, ...launch.limits, '--', ...outer], {
    cwd: '/',
    env: WRAPPER_ENVIRONMENT,
    stdio: ['pipe', 'pipe', 'pipe', 'pipe', 'pipe'],
  });
  hand(child.stdio[ARGUMENTS_FD] as Writable, Buffer.from(launch.sandbox.map((argument) => `${argument}\0`).join(''), 'utf8'));
  hand(child.stdio[SECCOMP_FD] as Writable, launch.seccomp ?? Buffer.alloc(0));
  return child;
}

function becomeUser(tools: Tools, uid: number): readonly string[] {
  return [tools.setpriv, '--reuid', String(uid), '--regid', String(uid), '--clear-groups', '--no-new-privs', '--inh-caps=-all', '--bounding-set=-all', '--pdeathsig', 'KILL', '--'];
}

/** Writes and closes; the reader may be gone already, which shows as the child's exit. */
function hand(stream: Writable, content: Buffer): void {
  stream.on('error', () => {});
  stream.end(content, () => stream.destroy());
}
