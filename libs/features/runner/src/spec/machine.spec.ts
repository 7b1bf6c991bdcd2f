import { chmodSync, cpSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { registryChanged, runnerSealSecret, type SealedSecret, type SecretName } from '@mcpgw/contracts';
import { Health, silentLogger } from '@mcpgw/platform-runtime';
import { runnerConfig } from '../runner.config.js';
import { findTools, type Tools } from '../sandbox/bubblewrap/launcher.js';
import { probeSandbox } from '../sandbox/bubblewrap/probe.js';
import { ProcessSandbox } from '../sandbox/process/process-sandbox.js';
import { SandboxHost, thisMachine, type Machine } from '../sandbox/sandbox-host.js';
import { faultOf, FIXTURES, ORGANIZATION, RunnerHarness } from './runner-harness.js';

let runner: RunnerHarness | undefined;
afterEach(async () => {
  await runner?.close();
  runner = undefined;
});

/** A host on a machine that lacks something, and what it reports. */
async function hostOn(machine: Partial<Machine>, settings: object = {}): Promise<{ readonly fault: string; readonly problem: string; readonly kind: string }> {
  runner = await RunnerHarness.start();
  const health = new Health('runner', 'spec', new Date());
  const host = new SandboxHost({ ...runnerConfig.parse(settings), dataDir: runner.dataDir, keysDir: undefined }, { ...thisMachine(), ...machine }, health, silentLogger);
  const fault = await faultOf(host.sandbox().then((sandbox) => Promise.reject(new Error(sandbox.kind)))).catch((error: unknown) => String(error));
  await host.close();
  const [problem] = health.status().problems;
  return { fault, problem: problem ? `${problem.message} ${problem.action}` : '', kind: host.kind() };
}

describe('the machine', () => {
  it('without bubblewrap: servers are refused, and the status says what to install', async () => {
    const { fault, problem } = await hostOn({ tools: () => ({ missing: ['bubblewrap'] }) });
    expect(fault).toMatch(/^sandbox_unavailable: .*apt-get install -y bubblewrap/);
    expect(problem).toContain('apt-get install -y bubblewrap');
  });

  it('where bubblewrap is there and does not work: servers are refused', async () => {
    const tools = { ...(findTools().tools as Tools), bwrap: '/usr/bin/false' };
    expect((await hostOn({ tools: () => ({ tools }) })).fault).toMatch(/^sandbox_unavailable: .*the sandbox did not start \(exit code 1\)/);
  });

  it('without a sandbox runs servers only where that was allowed in so many words, and never in silence', async () => {
    const noTools = { tools: () => ({ missing: ['bubblewrap'] }) };
    expect((await hostOn({}, { runnerSandbox: 'process' })).fault).toMatch(/^sandbox_unavailable: .*MCPGW_RUNNER_ALLOW_UNSANDBOXED=true/);
    await runner?.close();
    const allowed = await hostOn(noTools, { runnerAllowUnsandboxed: 'true' });
    expect(allowed.kind).toBe('process');
    expect(allowed.problem).toContain('WITHOUT a sandbox');
  });

  it('the probe finds every hole of a plain process', async () => {
    const failures = await probeSandbox(new ProcessSandbox(process.execPath, []), true);
    expect(failures).toEqual(expect.arrayContaining(["a sandboxed program sees the host's processes", "a sandboxed program reaches the host's loopback", 'a sandboxed program can gain privileges (no_new_privs is off)', 'the system call filter is not active']));
  }, 30_000);

  it('without a sandbox, where allowed, serves calls', async () => {
    runner = await RunnerHarness.start({ runnerSandbox: 'process', runnerAllowUnsandboxed: true });
    runner.fixture('plain', 'moody.mjs');
    expect(await runner.call('plain', 'echo', { text: 'hello' })).toBe('hello');
    expect(await faultOf(runner.call('plain', 'die', { code: 4 }))).toContain('ended with exit code 4');
  }, 30_000);

  it('without control groups: servers run with limits per process, and the status says so', async () => {
    runner = await RunnerHarness.start({ runnerCgroupRoot: '/nonexistent' });
    runner.fixture('bomb', 'attacker.mjs', {}, { memoryMb: 256, processes: 40 });
    expect(await runner.call('bomb', 'allocate', { megabytes: 32 })).toBe('32 MB');
    expect(runner.problem('sandbox')).toContain('weaker limits');
    expect(Number(await runner.call('bomb', 'fork', { count: 5 }))).toBe(5);
    expect(Number(await runner.call('bomb', 'fork', { count: 100 }))).toBeLessThan(40);
    expect(await runner.call('bomb', 'allocate', { megabytes: 1_000 })).toContain('ERR_MEMORY_ALLOCATION_FAILED');
  }, 30_000);

  it('with everything in place has no problem', async () => {
    expect(await hostOn({})).toEqual({ fault: 'Error: bubblewrap', problem: '', kind: 'bubblewrap' });
  });
});

describe('mounts', () => {
  it('work from folders that are closed to everybody else', async () => {
    runner = await RunnerHarness.start();
    const checkout = path.join(runner.folder, 'checkout');
    cpSync(FIXTURES, checkout, { recursive: true });
    mkdirSync(path.join(checkout, 'deeper'));
    chmodSync(checkout, 0o700);
    chmodSync(runner.folder, 0o700);
    runner.define('closed', { command: 'node', args: [path.join(checkout, 'moody.mjs')], sandbox: { read: [checkout] } });
    expect(await runner.call('closed', 'echo', { text: 'hello' })).toBe('hello');
  }, 30_000);

  it('that are not allowed are refused by name, and the status says so', async () => {
    runner = await RunnerHarness.start({ runnerAllowedMounts: [FIXTURES] });
    runner.fixture('greedy', 'moody.mjs', {}, { read: [FIXTURES, '/var/log'] });
    expect(await faultOf(runner.call('greedy', 'echo'))).toMatch(/^invalid_request: The server "greedy" declares the mount "\/var\/log", which is outside/);
    expect(runner.problem('server acme/greedy')).toContain('/var/log');
    runner.fixture('keys', 'moody.mjs', {}, { read: [FIXTURES, path.join(runner.dataDir, 'keys')] });
    expect(await faultOf(runner.call('keys', 'echo'))).toMatch(/^invalid_request: .*own folder/);
  }, 30_000);
});

describe('secrets', () => {
  it('are sealed for the registry and opened for the server alone', async () => {
    runner = await RunnerHarness.start();
    const name = 'crm/token' as SecretName;
    const value = crypto.randomUUID();
    const sealed: SealedSecret = await runner.bus.request(runnerSealSecret, { organization: ORGANIZATION, name, value });
    expect(JSON.stringify(sealed)).not.toContain(value);
    runner.fixture('crm', 'moody.mjs', { env: { TOKEN: 'secret://crm/token', PLAIN: 'as it is' } });
    runner.registry.get('crm')?.secrets.push({ name, version: 1, sealed });
    expect(await runner.call('crm', 'environment', { name: 'TOKEN' })).toBe('[redacted secret]');
    expect(await runner.call('crm', 'environment', { name: 'PLAIN' })).toBe('as it is');
    const disguised = await runner.call('crm', 'disguised', { name: 'TOKEN' });
    for (const writing of [value, encodeURIComponent(value), Buffer.from(value).toString('base64').slice(4, -4)]) expect(disguised).not.toContain(writing);
    expect(disguised.match(/\[redacted secret\]/g)?.length).toBeGreaterThanOrEqual(3);
  }, 30_000);

  it('do not appear in the last words of a server that could not start', async () => {
    runner = await RunnerHarness.start();
    const value = crypto.randomUUID();
    runner.fixture('crm', 'moody.mjs', { args: ['exits'], env: { TOKEN: 'secret://crm/token' } });
    runner.secret('crm', 'crm/token', value);
    await faultOf(runner.call('crm', 'echo'));
    expect(runner.problem('server acme/crm')).toContain('no database (token [redacted secret])');
    expect(JSON.stringify(runner.service.health.status())).not.toContain(value);
  }, 30_000);

  it('that are missing are named, with what to do', async () => {
    runner = await RunnerHarness.start();
    runner.fixture('crm', 'moody.mjs', { env: { TOKEN: 'secret://crm/token' } });
    expect(await faultOf(runner.call('crm', 'echo'))).toBe('upstream_failed: The server "crm" needs the secret "crm/token", which is not set. Set it: mcpgw secret set crm/token --organization acme.');
    runner.secret('crm', 'crm/token', 'set by now');
    // The hint alone brings the runner to ask again: the server's revision is the same.
    runner.bus.publish(registryChanged, { organization: ORGANIZATION, revision: 2 });
    expect(await runner.call('crm', 'environment', { name: 'TOKEN' })).toBe('[redacted secret]');
  }, 30_000);
});
