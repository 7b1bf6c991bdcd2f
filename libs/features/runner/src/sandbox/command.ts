import path from 'node:path';
import { GatewayError } from '@mcpgw/contracts';
import type { Mount } from './mounts.js';
import { isExecutableFile, isWithin, realPathOf } from './paths.js';
import type { LaunchSpec } from './sandbox.js';

/** Where a Node binary from outside /usr appears in the sandbox; first in its PATH. */
export const RUNTIME_NODE = '/runtime/bin/node';

/** `node` inside is the very binary that runs the gateway, so that a server meets the version it was tried with. */
export function nodeInside(execPath: string): string {
  const real = realPathOf(execPath);
  return isWithin(real, '/usr') ? real : RUNTIME_NODE;
}

/**
 * The program as an absolute path inside the sandbox. Throws `invalid_request` naming server and command when it is not in
 * what the server can see: better than the launcher's "execvp: No such file".
 */
export function resolveCommand(spec: LaunchSpec, mounts: readonly Mount[], execPath: string): string {
  const { command } = spec;
  if (command === 'node') return nodeInside(execPath);
  if (!command.includes('/')) {
    const found = ['/usr/local/bin', '/usr/bin'].map((folder) => path.join(folder, command)).find(isExecutableFile);
    if (found === undefined) throw refusal(spec, `is neither "node" nor a program in /usr/bin of the runner's machine. Install it there, or name it by an absolute path under one of the server's read mounts`);
    return found;
  }
  if (!path.isAbsolute(command) || command.split('/').includes('..')) throw refusal(spec, 'must be a bare name or an absolute path without ".."');
  const onHost = hostPathOf(command, mounts);
  if (onHost === undefined) throw refusal(spec, `lies neither under /usr nor under one of the server's read mounts. Add its folder to sandbox.read`);
  if (!isExecutableFile(onHost)) throw refusal(spec, 'is no executable file');
  return path.normalize(command);
}

function hostPathOf(command: string, mounts: readonly Mount[]): string | undefined {
  if (isWithin(command, '/usr') || isWithin(command, '/bin')) return command;
  const mount = mounts.findLast((candidate) => !candidate.writable && isWithin(command, candidate.at));
  return mount === undefined ? undefined : path.join(mount.source, path.relative(mount.at, command));
}

function refusal(spec: LaunchSpec, reason: string): GatewayError {
  return new GatewayError('invalid_request', `The command "${spec.command}" of server "${spec.server}" ${reason}.`);
}
