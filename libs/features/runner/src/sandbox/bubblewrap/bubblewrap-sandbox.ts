import type { ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import type { Readable, Writable } from 'node:stream';
import type { Problem } from '@mcpgw/platform-runtime';
import type { Cgroup } from '../cgroup/cgroup.js';
import type { Cgroups } from '../cgroup/cgroups.js';
import { nodeInside, resolveCommand } from '../command.js';
import { exitOf } from '../exit.js';
import { checkMounts, type Mount, type MountRules } from '../mounts.js';
import { childrenOf, descendants, processName, signalProcess } from '../processes.js';
import type { Exit, LaunchSpec, Sandbox, SandboxProcess, Usage } from '../sandbox.js';
import { runLaunch, type Tools } from './launcher.js';
import { baseMounts, sandboxArguments, stageArguments, stagedPath, type SandboxPlan } from './plan.js';
import { prepareWritable, uidFor } from './user.js';

export interface BubblewrapOptions {
  readonly tools: Tools;
  readonly rules: MountRules;
  readonly etcFolder: string;
  readonly execPath: string;
  readonly cgroups: Cgroups | undefined;
  readonly seccomp: Buffer | undefined;
  readonly isRoot: boolean;
  readonly shortcomings: readonly Problem[];
}

const MEBIBYTE = 1_048_576;
/** Launchers that live in the server's control group: two of bubblewrap per stage, and one moment of forking. */
const WRAPPER_PROCESSES = 6;
const FORCE_AFTER_MS = 250;
const MAX_FILE_BYTES = 1_024 * MEBIBYTE;
const MAX_OPEN_FILES = 1_024;
/** Node 24 sets 512 MiB aside for compiled code when it starts; the kernel counts them as data although they are not used. */
const NODE_RESERVED_BYTES = 576 * MEBIBYTE;

/** Namespaces by bubblewrap, limits by control groups, a user of its own where the runner is root. */
export class BubblewrapSandbox implements Sandbox {
  readonly kind = 'bubblewrap';
  readonly shortcomings: readonly Problem[];

  constructor(private readonly options: BubblewrapOptions) {
    this.shortcomings = options.shortcomings;
  }

  async launch(spec: LaunchSpec): Promise<SandboxProcess> {
    const { tools, rules, execPath, cgroups, isRoot } = this.options;
    const own = checkMounts(spec, rules);
    const command = resolveCommand(spec, own, execPath);
    const network = spec.sandbox.network === 'host';
    const mounts = [...baseMounts(this.options.etcFolder, network, execPath), ...own];
    const uid = isRoot ? uidFor(spec.organization, spec.server) : undefined;
    for (const mount of own) if (mount.writable) prepareWritable(mount.source, uid);
    const plan: SandboxPlan = { command, args: spec.args, env: spec.env, mounts, tmpBytes: spec.sandbox.tmpMb * MEBIBYTE, network };
    const sourceOf = (mount: Mount): string => (isRoot ? stagedPath(mounts.indexOf(mount)) : mount.source);
    const cgroup = cgroups?.create(`${spec.server}-${randomUUID().slice(0, 8)}`, limitsOf(spec));
    const child = runLaunch({
      tools,
      joinFiles: cgroup?.joinFiles ?? [],
      limits: processLimits(cgroup ? undefined : spec.sandbox.memoryMb * MEBIBYTE + (command === nodeInside(execPath) ? NODE_RESERVED_BYTES : 0)),
      drop: uid === undefined ? undefined : { uid, stage: stageArguments(mounts) },
      sandbox: sandboxArguments(plan, sourceOf),
      seccomp: this.options.seccomp,
      // Inside the user namespace the count is of this namespace alone: outside it would be of all that the runner's user runs.
      command: [...(cgroup ? [] : [tools.prlimit, `--nproc=${spec.sandbox.processes}:${spec.sandbox.processes}`, '--']), command, ...spec.args],
    });
    return new BubblewrapProcess(child, cgroup);
  }
}

function limitsOf(spec: LaunchSpec): { readonly memoryBytes: number; readonly processes: number; readonly cpus: number } {
  const { memoryMb, processes, cpus } = spec.sandbox;
  return { memoryBytes: memoryMb * MEBIBYTE, processes: processes + WRAPPER_PROCESSES, cpus };
}

/** A core limit of 1 rather than 0: only that also keeps a piped core_pattern from dumping a server's secrets. */
function processLimits(dataBytes: number | undefined): readonly string[] {
  const limits = ['--core=1:1', `--nofile=${MAX_OPEN_FILES}:${MAX_OPEN_FILES}`, `--fsize=${MAX_FILE_BYTES}:${MAX_FILE_BYTES}`];
  return dataBytes === undefined ? limits : [...limits, `--data=${dataBytes}:${dataBytes}`];
}

class BubblewrapProcess implements SandboxProcess {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly exited: Promise<Exit>;
  private force: NodeJS.Timeout | undefined;

  constructor(
    private readonly child: ChildProcess,
    private readonly cgroup: Cgroup | undefined,
  ) {
    this.stdin = child.stdin as Writable;
    this.stdout = child.stdout as Readable;
    this.stderr = child.stderr as Readable;
    this.exited = exitOf(child).then(async (exit) => {
      clearTimeout(this.force);
      const outOfMemory = cgroup?.outOfMemory() ?? false;
      cgroup?.kill();
      await cgroup?.remove();
      return { ...exit, outOfMemory };
    });
  }

  usage(): Usage | undefined {
    return this.cgroup?.usage();
  }

  terminate(): void {
    for (const pid of this.child.pid === undefined ? [] : descendants(this.child.pid)) {
      if (processName(pid) !== 'bwrap') signalProcess(pid, 'SIGTERM');
    }
  }

  /**
   * Kills the first process of the outermost process namespace: the kernel ends and reaps all that is inside, and the launcher
   * reaps that one. Killing the launcher itself works too, but leaves zombies to whoever is process 1, which in a container
   * may be nobody who reaps. So that is the second step, for a launcher that did not get that far.
   */
  kill(): void {
    if (this.force || this.child.exitCode !== null || this.child.signalCode !== null) return;
    const { pid } = this.child;
    for (const first of pid === undefined ? [] : childrenOf(pid)) signalProcess(first, 'SIGKILL');
    this.force = setTimeout(() => {
      this.child.kill('SIGKILL');
      this.cgroup?.kill();
    }, FORCE_AFTER_MS);
  }
}
