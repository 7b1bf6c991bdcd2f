import { spawn, type ChildProcess } from 'node:child_process';
import path from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { GatewayError } from '@mcpgw/contracts';
import type { Problem } from '@mcpgw/platform-runtime';
import { exitOf } from '../exit.js';
import { findTool } from '../paths.js';
import { descendants, signalProcess } from '../processes.js';
import type { Exit, LaunchSpec, Sandbox, SandboxProcess, Usage } from '../sandbox.js';

/** No sandbox at all: a child process with the declared environment. Only what the operator allowed in so many words. */
export class ProcessSandbox implements Sandbox {
  readonly kind = 'process';

  constructor(
    private readonly execPath: string,
    readonly shortcomings: readonly Problem[],
  ) {}

  async launch(spec: LaunchSpec): Promise<SandboxProcess> {
    const command = this.resolve(spec);
    const env = { PATH: `${path.dirname(this.execPath)}:/usr/local/bin:/usr/bin:/bin`, HOME: '/tmp', LANG: 'C.UTF-8', ...spec.env };
    return new PlainProcess(spawn(command, [...spec.args], { cwd: '/tmp', env, stdio: ['pipe', 'pipe', 'pipe'], detached: true }));
  }

  private resolve(spec: LaunchSpec): string {
    if (spec.command === 'node') return this.execPath;
    if (path.isAbsolute(spec.command)) return spec.command;
    const found = spec.command.includes('/') ? undefined : findTool(spec.command);
    if (found === undefined) throw new GatewayError('invalid_request', `The command "${spec.command}" of server "${spec.server}" is neither "node", an absolute path, nor a program in /usr/bin.`);
    return found;
  }
}

class PlainProcess implements SandboxProcess {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly exited: Promise<Exit>;

  constructor(private readonly child: ChildProcess) {
    this.stdin = child.stdin as Writable;
    this.stdout = child.stdout as Readable;
    this.stderr = child.stderr as Readable;
    this.exited = exitOf(child).then((exit) => {
      this.signalGroup('SIGKILL');
      return { ...exit, outOfMemory: false };
    });
  }

  usage(): Usage | undefined {
    return undefined;
  }

  terminate(): void {
    this.signalGroup('SIGTERM');
  }

  /** What left the process group by setsid is found by its parent as long as that lives; this engine promises no more. */
  kill(): void {
    const below = this.child.pid === undefined ? [] : descendants(this.child.pid);
    this.signalGroup('SIGKILL');
    for (const pid of below) signalProcess(pid, 'SIGKILL');
  }

  private signalGroup(signal: NodeJS.Signals): void {
    if (this.child.pid !== undefined) signalProcess(-this.child.pid, signal);
  }
}
