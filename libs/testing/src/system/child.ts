import { spawn, type ChildProcess } from 'node:child_process';
import { openSync, closeSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** The workspace's root, from src and dist alike. */
export const WORKSPACE = path.resolve(import.meta.dirname, '../../../..');

/** A process of the product under test: its output goes to a file, and it is ended with the test whatever happens. */
export class Child {
  readonly pid: number;
  private readonly exited: Promise<number | string>;

  constructor(
    readonly name: string,
    readonly process: ChildProcess,
    readonly logFile: string,
  ) {
    this.pid = process.pid as number;
    this.exited = new Promise((resolve) => process.once('exit', (code, signal) => resolve(signal ?? code ?? 0)));
  }

  static start(name: string, command: readonly string[], environment: NodeJS.ProcessEnv, directory: string): Child {
    const logFile = path.join(directory, `${name}.log`);
    const log = openSync(logFile, 'a', 0o600);
    const [program, ...args] = command as [string, ...string[]];
    const child = spawn(program, args, { cwd: WORKSPACE, stdio: ['pipe', log, log], env: { PATH: process.env['PATH'], ...environment } });
    closeSync(log);
    child.stdin?.on('error', () => {});
    RUNNING.add(child);
    child.once('exit', () => RUNNING.delete(child));
    return new Child(name, child, logFile);
  }

  running(): boolean {
    return this.process.exitCode === null && this.process.signalCode === null;
  }

  log(): string {
    return readFileSync(this.logFile, 'utf8');
  }

  /** Sends the signal and waits until the process has ended; returns its exit code or the signal that ended it. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | string> {
    if (this.running()) this.process.kill(signal);
    const timer = setTimeout(() => this.process.kill('SIGKILL'), 40_000);
    const result = await this.exited;
    clearTimeout(timer);
    return result;
  }
}

const RUNNING = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of RUNNING) child.kill('SIGKILL');
});

/** Waits until the condition holds (undefined and false mean: not yet) and returns its value. */
export async function until<T>(what: string, condition: () => Promise<T | undefined | false> | T | undefined | false, timeoutMs = 30_000): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (let last: unknown; ; ) {
    try {
      const value = await condition();
      if (value !== undefined && value !== false) return value;
    } catch (error) {
      last = error;
    }
    if (performance.now() > deadline) throw new Error(`Not within ${timeoutMs} ms: ${what}`, last === undefined ? undefined : { cause: last });
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
