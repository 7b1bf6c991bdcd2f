import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { GatewayError, sandboxConfig } from '@mcpgw/contracts';
import { resolveCommand, RUNTIME_NODE } from './command.js';
import { checkMounts, mountRules } from './mounts.js';
import type { LaunchSpec } from './sandbox.js';

const root = realpathSync(mkdtempSync(path.join(tmpdir(), 'mcpgw-mounts-')));
const at = (...parts: string[]): string => path.join(root, ...parts);
for (const folder of ['allowed/inner', 'outside', 'data/keys', 'data/servers', 'allowed/keys']) mkdirSync(at(folder), { recursive: true });
symlinkSync(at('outside'), at('allowed/link-out'));
symlinkSync('/etc', at('allowed/link-etc'));
symlinkSync(at('allowed/inner'), at('allowed/link-in'));
writeFileSync(at('allowed/program'), '#!/bin/sh\n', { mode: 0o755 });
writeFileSync(at('allowed/data.txt'), '', { mode: 0o644 });
afterAll(() => rmSync(root, { recursive: true }));

const rules = mountRules({ allowedMounts: [at('allowed'), at('data')], dataDir: at('data'), keysDir: at('allowed/keys') });

function spec(sandbox: object, command = 'node'): LaunchSpec {
  return { organization: 'acme', server: 'crm', command, args: [], env: {}, sandbox: sandboxConfig.parse(sandbox) };
}

function refusal(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof GatewayError) return `${error.code}: ${error.message}`;
    throw error;
  }
  throw new Error('It was accepted.');
}

describe('mounts', () => {
  it('are accepted below an allowed folder, parents first', () => {
    const mounts = checkMounts(spec({ read: [at('allowed/inner'), at('allowed/program')], write: [{ path: at('allowed/new/deep'), at: '/shelf' }] }), rules);
    expect(mounts).toEqual([
      { source: at('allowed/new/deep'), at: '/shelf', writable: true },
      { source: at('allowed/inner'), at: at('allowed/inner'), writable: false },
      { source: at('allowed/program'), at: at('allowed/program'), writable: false },
    ]);
  });

  it('keep the declared place and take the real source of a link that stays inside', () => {
    expect(checkMounts(spec({ read: [at('allowed/link-in')] }), rules)).toEqual([{ source: at('allowed/inner'), at: at('allowed/link-in'), writable: false }]);
  });

  it("may lie in the data folder's part for servers, also when no allowed folder covers it", () => {
    const narrow = mountRules({ allowedMounts: [at('allowed/inner')], dataDir: at('data') });
    expect(checkMounts(spec({ write: [{ path: at('data/servers/crm'), at: '/shelf' }] }), narrow)).toHaveLength(1);
  });

  it.each([
    ['outside of the allowed folders', at('outside'), 'is outside of the folders that may be mounted'],
    ['outside through a link', at('allowed/link-out'), 'is outside of the folders'],
    ['outside through ..', at('allowed/../outside'), 'is outside of the folders'],
    ['whose name only begins like an allowed folder', `${at('allowed')}-not`, 'does not exist'],
    ['in /etc through a link', at('allowed/link-etc'), 'lies in /etc'],
    ['the root', '/', 'is the root of the host'],
    ['/proc', '/proc/1', 'lies in /proc'],
    ['/sys', '/sys/fs/cgroup', 'lies in /sys'],
    ['/dev', '/dev', 'lies in /dev'],
    ["the gateway's data", at('data'), "is part of the gateway's own folder"],
    ["the gateway's keys", at('data/keys'), "is part of the gateway's own folder"],
    ["all servers' folders at once", at('data/servers'), "is part of the gateway's own folder"],
    ['a folder that contains the keys', at('allowed'), "contains the gateway's own folder"],
    ['relative', 'allowed/inner', 'is not an absolute path'],
    ['absent', at('allowed/absent'), 'does not exist'],
  ])('are refused by name: %s', (_what, source, reason) => {
    const message = refusal(() => checkMounts(spec({ read: [source] }), source.endsWith('-not') ? { ...rules, allowed: [root] } : rules));
    expect(message).toContain(`invalid_request: The server "crm" declares the mount "${source}", which`);
    expect(message).toContain(reason);
  });

  it.each(['/', '/usr/x', '/proc', '/etc/passwd', '/runtime/bin', '/tmp', '/staged/0', '/shelf/../etc'])('can not cover %s', (target) => {
    expect(refusal(() => checkMounts(spec({ write: [{ path: at('allowed/inner'), at: target }] }), rules))).toContain('can not be mounted on');
  });
});

describe('the command', () => {
  const mounts = checkMounts(spec({ read: [at('allowed/inner'), at('allowed/program'), at('allowed/data.txt')] }), rules);
  const resolve = (command: string): string => resolveCommand(spec({}, command), mounts, '/opt/node/bin/node');

  it("node is the gateway's own", () => {
    expect(resolve('node')).toBe(RUNTIME_NODE);
    expect(resolveCommand(spec({}), mounts, '/usr/bin/env')).toBe('/usr/bin/env');
  });

  it('a bare name is looked up among the programs of the system, a path in the mounts', () => {
    expect(resolve('bash')).toBe('/usr/bin/bash');
    expect(resolve('/usr/bin/bash')).toBe('/usr/bin/bash');
    expect(resolve(at('allowed/program'))).toBe(at('allowed/program'));
  });

  it.each(['sh -c id', 'no-such-program', './program', 'bin/../program', '/opt/elsewhere/program', `${at('allowed')}/../outside/x`])('is refused by name: %s', (command) => {
    expect(refusal(() => resolve(command))).toContain(`invalid_request: The command "${command}" of server "crm"`);
  });

  it('must be executable', () => {
    expect(refusal(() => resolve(at('allowed/data.txt')))).toContain('is no executable file');
  });
});
