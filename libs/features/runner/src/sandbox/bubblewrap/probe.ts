import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { sandboxConfig } from '@mcpgw/contracts';
import { z } from 'zod';
import { descendants, processName } from '../processes.js';
import type { Sandbox, SandboxProcess } from '../sandbox.js';

const PROBE_TIMEOUT_MS = 15_000;

/** Runs inside and tries what must not work. The marker comes reversed: its own launcher's command line must not count as a find. Waits for the end of its input, so that we can look at it from outside. */
const CANARY = `
const fs = require('node:fs'), net = require('node:net');
const attempt = (work) => { try { return work() ?? 'done'; } catch (error) { return String(error.code); } };
const write = (folder) => attempt(() => { const file = folder + 'mcpgw-probe-' + process.pid; fs.writeFileSync(file, ''); fs.unlinkSync(file); });
const status = fs.readFileSync('/proc/self/status', 'utf8');
const field = (name) => new RegExp('^' + name + ':\\\\s*(\\\\S+)', 'm').exec(status)?.[1];
const [port, reversed] = process.argv.slice(1);
const marker = Buffer.from(reversed).reverse().toString(), { env } = process;
const seen = fs.readdirSync('/proc').filter((name) => /^\\d+$/.test(name) && Number(name) !== process.pid)
  .some((pid) => attempt(() => fs.readFileSync('/proc/' + pid + '/cmdline', 'utf8')).includes(marker));
const report = {
  write: ['/', '/usr/', '/etc/', '/dev/'].map(write), tmp: write('/tmp/'),
  seen, caps: field('CapEff'), noNewPrivs: field('NoNewPrivs'), seccomp: field('Seccomp'),
  env: Object.keys(env).sort(), secret: env.MCPGW_PROBE,
};
const socket = net.connect({ host: '127.0.0.1', port: Number(port), timeout: 2000 });
const tell = (network) => { socket.destroy(); process.stdout.write(JSON.stringify({ ...report, network }) + '\\n'); };
socket.once('connect', () => tell('connected')).once('timeout', () => tell('timeout')).once('error', (error) => tell(error.code));
process.stdin.resume();
`;

const canaryReport = z.object({
  write: z.array(z.string()),
  tmp: z.string(),
  seen: z.boolean(),
  caps: z.string().optional(),
  noNewPrivs: z.string().optional(),
  seccomp: z.string().optional(),
  env: z.array(z.string()),
  secret: z.string().optional(),
  network: z.string(),
});
type CanaryReport = z.infer<typeof canaryReport>;

/**
 * Runs the real stack once with a canary that attacks it. Empty: the sandbox holds what it promises on this kernel; else what
 * failed. That a program exists says nothing: containers, AppArmor and sysctls break it in their own ways.
 */
export async function probeSandbox(sandbox: Sandbox, expectSeccomp: boolean): Promise<readonly string[]> {
  const secret = randomUUID();
  const marker = `mcpgw-probe-${randomUUID()}`;
  const sibling = spawn('/bin/sh', ['-c', 'read line', marker], { stdio: ['pipe', 'ignore', 'ignore'], env: {} });
  const listener = createServer((socket) => socket.destroy());
  let reached = 0;
  listener.on('connection', () => (reached += 1));
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const { port } = listener.address() as AddressInfo;
  let canary: SandboxProcess | undefined;
  try {
    canary = await sandbox.launch({ organization: 'mcpgw', server: 'probe', command: 'node', args: ['-e', CANARY, String(port), reversed(marker)], env: { MCPGW_PROBE: secret }, sandbox: sandboxConfig.parse({}) });
    const report = await readReport(canary);
    return typeof report === 'string' ? [report] : [...judge(report, { secret, reached, expectSeccomp }), ...judgeFromOutside()];
  } finally {
    canary?.kill();
    await canary?.exited;
    sibling.stdin.destroy();
    sibling.kill('SIGKILL');
    listener.close();
  }
}

function reversed(text: string): string {
  return Buffer.from(text).reverse().toString();
}

function judge(report: CanaryReport, expected: { readonly secret: string; readonly reached: number; readonly expectSeccomp: boolean }): readonly string[] {
  const failures: string[] = [];
  const check = (holds: boolean, failure: string): void => void (holds || failures.push(failure));
  check(report.write.every((code) => code !== 'done'), 'a sandboxed program can write outside of its folders');
  check(report.tmp === 'done', `a sandboxed program can not write to its own /tmp (${report.tmp})`);
  check(!report.seen, "a sandboxed program sees the host's processes");
  check(/^0+$/.test(report.caps ?? ''), `a sandboxed program has capabilities (${report.caps ?? 'unknown'})`);
  check(report.noNewPrivs === '1', 'a sandboxed program can gain privileges (no_new_privs is off)');
  check(!expected.expectSeccomp || report.seccomp === '2', 'the system call filter is not active');
  check(report.secret === expected.secret, 'the environment did not arrive');
  check(report.env.filter((name) => name !== 'PWD').join() === 'HOME,LANG,MCPGW_PROBE,PATH', `the environment holds more than was declared (${report.env.join(', ')})`);
  check(report.network !== 'connected' && expected.reached === 0, "a sandboxed program reaches the host's loopback");
  return failures;
}

/** Nothing of ours below us but the launchers may run as the host's root. */
function judgeFromOutside(): readonly string[] {
  const asRoot = descendants(process.pid).filter((pid) => processName(pid) === 'node' && uidOf(pid) === 0 && isInOtherNamespace(pid));
  return asRoot.length > 0 ? ["a sandboxed program runs as the host's root"] : [];
}

function uidOf(pid: number): number | undefined {
  try {
    return Number(/^Uid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
  } catch {
    return undefined;
  }
}

/** NSpid lists the process's number in each namespace that it is in. */
function isInOtherNamespace(pid: number): boolean {
  try {
    const numbers = (text: string): number => (/^NSpid:\s+(.*)$/m.exec(text)?.[1] ?? '').split(/\s+/).length;
    return numbers(readFileSync(`/proc/${pid}/status`, 'utf8')) > numbers(readFileSync('/proc/self/status', 'utf8'));
  } catch {
    return false;
  }
}

/** The canary's report, or why there is none. */
function readReport(canary: SandboxProcess): Promise<CanaryReport | string> {
  let out = '';
  let words = '';
  canary.stderr.on('data', (chunk: Buffer) => (words = (words + chunk.toString('utf8')).slice(0, 500)));
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(`the sandbox did not start within ${PROBE_TIMEOUT_MS / 1_000} s`), PROBE_TIMEOUT_MS);
    canary.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString('utf8');
      if (!out.includes('\n')) return;
      clearTimeout(timer);
      const parsed = canaryReport.safeParse(JSON.parse(out.slice(0, out.indexOf('\n'))));
      resolve(parsed.success ? parsed.data : 'the canary in the sandbox reported nonsense');
    });
    void canary.exited.then((exit) => {
      clearTimeout(timer);
      resolve(`the sandbox did not start (${exit.signal ?? `exit code ${exit.code ?? 'unknown'}`}): ${words.trim()}`);
    });
  });
}
