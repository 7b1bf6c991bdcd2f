import { chmodSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { GatewayError } from '@mcpgw/contracts';
import { Periodic, type Health, type Logger, type Problem } from '@mcpgw/platform-runtime';
import type { RunnerConfig } from '../runner.config.js';
import { BubblewrapSandbox } from './bubblewrap/bubblewrap-sandbox.js';
import { findTools } from './bubblewrap/launcher.js';
import { ETC_FILES } from './bubblewrap/plan.js';
import { probeSandbox } from './bubblewrap/probe.js';
import { seccompFilter } from './bubblewrap/seccomp.js';
import { Cgroups } from './cgroup/cgroups.js';
import { mountRules } from './mounts.js';
import { ProcessSandbox } from './process/process-sandbox.js';
import type { Sandbox } from './sandbox.js';

const RETRY_MS = 30_000;
const UNSANDBOXED: Problem = {
  message: 'Servers run WITHOUT a sandbox: each can read everything that the gateway can, its keys and other servers\' secrets included.',
  action: 'Install bubblewrap (apt-get install bubblewrap) and unset MCPGW_RUNNER_ALLOW_UNSANDBOXED.',
};

/** This machine's part, so that specs can stand on a machine of their own making. */
export interface Machine {
  readonly execPath: string;
  readonly isRoot: boolean;
  readonly architecture: string;
  readonly tools: () => ReturnType<typeof findTools>;
}

export function thisMachine(): Machine {
  return { execPath: process.execPath, isRoot: process.getuid?.() === 0, architecture: process.arch, tools: findTools };
}

/**
 * Chooses the sandbox by trying it, at start and again every 30 s while it doesn't hold, and says so. Falls back to plain
 * processes only where the operator allowed that in so many words.
 */
export class SandboxHost {
  private readonly attempts: Periodic;
  private readonly firstAttempt: Promise<void>;
  private chosen: Sandbox | undefined;
  private cgroups: Cgroups | undefined;
  private reason = 'The sandbox is being tried out.';

  constructor(
    private readonly config: RunnerConfig,
    private readonly machine: Machine,
    private readonly health: Health,
    private readonly logger: Logger,
  ) {
    this.attempts = new Periodic(RETRY_MS, () => this.attempt(), (error) => this.unavailable([String(error)]));
    this.firstAttempt = this.attempts.start();
  }

  /** The sandbox; rejects with `sandbox_unavailable` and what to do. Waits for the first attempt only. */
  async sandbox(): Promise<Sandbox> {
    await this.firstAttempt;
    if (this.chosen) return this.chosen;
    throw new GatewayError('sandbox_unavailable', `Servers can't be run safely on this machine. ${this.reason}`);
  }

  kind(): string {
    return this.chosen?.kind ?? 'none';
  }

  async close(): Promise<void> {
    await this.attempts.close();
    this.cgroups?.close();
  }

  private async attempt(): Promise<void> {
    if (this.chosen) return;
    if (this.config.runnerSandbox === 'process') return this.unsandboxed('MCPGW_RUNNER_SANDBOX=process needs MCPGW_RUNNER_ALLOW_UNSANDBOXED=true, because it isolates nothing.');
    const { tools, missing } = this.machine.tools();
    if (!tools) return this.unavailable([`these packages are missing: ${missing.join(', ')}. Install them: apt-get install -y ${missing.join(' ')}`]);
    const { cgroups, reason } = this.cgroups ? { cgroups: this.cgroups } : Cgroups.open(this.config.runnerCgroupRoot);
    this.cgroups = cgroups;
    const { execPath, isRoot, architecture } = this.machine;
    const seccomp = seccompFilter(architecture);
    const shortcomings = [...(cgroups ? [] : [withoutCgroups(reason)]), ...(cgroups?.limitsCpu === false ? [withoutCpu()] : []), ...(seccomp ? [] : [withoutSeccomp(architecture)])];
    const { runnerAllowedMounts: allowedMounts, dataDir, keysDir } = this.config;
    const sandbox = new BubblewrapSandbox({ tools, rules: mountRules({ allowedMounts, dataDir, keysDir }), etcFolder: makeEtc(dataDir), execPath, cgroups, seccomp, isRoot, shortcomings });
    const failures = await probeSandbox(sandbox, seccomp !== undefined);
    if (failures.length > 0) return this.unavailable(failures);
    this.choose(sandbox);
  }

  private unavailable(failures: readonly string[]): void {
    const what = `The sandbox does not hold here: ${failures.join('; ')}.`;
    if (this.config.runnerAllowUnsandboxed) return this.unsandboxed(what);
    this.refuse(what);
  }

  private unsandboxed(why: string): void {
    if (!this.config.runnerAllowUnsandboxed) return this.refuse(why);
    this.choose(new ProcessSandbox(this.machine.execPath, [UNSANDBOXED]));
  }

  private refuse(what: string): void {
    const action = adviceFor(what);
    if (this.reason !== `${what} ${action}`) this.logger.error({ problem: what, action }, 'stdio servers are refused: no working sandbox');
    this.reason = `${what} ${action}`;
    this.health.fail('sandbox', { message: what, action });
  }

  private choose(sandbox: Sandbox): void {
    this.chosen = sandbox;
    this.health.ok('sandbox');
    if (sandbox.shortcomings.length === 0) return this.logger.info({ sandbox: sandbox.kind }, 'the sandbox holds');
    const message = sandbox.shortcomings.map((problem) => problem.message).join(' ');
    const action = sandbox.shortcomings.map((problem) => problem.action).join(' ');
    this.health.fail('sandbox', { message, action });
    this.logger.error({ sandbox: sandbox.kind, problem: message, action }, 'the sandbox holds less than it should');
  }
}

function withoutCgroups(reason: string | undefined): Problem {
  return {
    message: `Servers run with weaker limits: ${reason ?? 'no control groups'}. Memory is limited per process instead of per server, and processor time not at all.`,
    action: 'Give the runner a control group of its own: start it with `systemd-run --user --scope -p Delegate=yes …`, or in a service with `Delegate=cpu memory pids`.',
  };
}

function withoutCpu(): Problem {
  return { message: "Servers' processor time is not limited: the cpu controller is not passed on to the runner.", action: 'Add cpu to `Delegate=` of the unit that the runner runs in (of user@.service for a user\'s own).' };
}

function withoutSeccomp(architecture: string): Problem {
  return { message: `Servers run without a system call filter: there is none for ${architecture}.`, action: 'Run on x64 or arm64.' };
}

/** What usually stands behind bubblewrap's own words. */
function adviceFor(what: string): string {
  if (what.includes('apt-get') || what.includes('MCPGW_')) return 'Then it is tried again by itself, within 30 s.';
  if (/RTM_NEWADDR|uid map|user namespace|Creating new namespace/i.test(what)) {
    return 'Allow user namespaces: sysctl -w kernel.unprivileged_userns_clone=1 (Debian), sysctl -w kernel.apparmor_restrict_unprivileged_userns=0 (Ubuntu 24.04 and later), or in a container --security-opt seccomp=unconfined.';
  }
  if (/mount proc/i.test(what)) return 'In a container, unmask /proc: --security-opt systempaths=unconfined (Docker), --security-opt unmask=ALL (Podman).';
  if (/unknown option|disable-userns/i.test(what)) return 'Install bubblewrap 0.8 or newer.';
  return 'See libs/features/runner/README.md, "Machine". It is tried again every 30 s.';
}

/** The files of the synthetic /etc, the same for all servers. */
function makeEtc(dataDir: string): string {
  const folder = path.resolve(dataDir, 'runner', 'etc');
  mkdirSync(folder, { recursive: true });
  for (const [name, content] of Object.entries(ETC_FILES)) {
    const file = path.join(folder, name);
    const draft = path.join(path.dirname(folder), `${name}.${process.pid}`);
    writeFileSync(draft, content);
    chmodSync(draft, 0o644);
    renameSync(draft, file);
  }
  return folder;
}
