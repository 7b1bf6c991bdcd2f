import { existsSync } from 'node:fs';
import path from 'node:path';
import { GatewayError } from '@mcpgw/contracts';
import { isWithin, realPathOf } from './paths.js';
import type { LaunchSpec } from './sandbox.js';

/** `source` is free of symbolic links. `at` is where the server sees it. */
export interface Mount {
  readonly source: string;
  readonly at: string;
  readonly writable: boolean;
}

export interface MountRules {
  readonly allowed: readonly string[];
  /** The gateway's own folders: never mounted, nor a folder that contains one. */
  readonly own: readonly string[];
  /** The one folder inside `own` that servers may have. */
  readonly servers: string;
}

/** Host folders that no mount may come from, whatever the operator allowed. */
const NEVER = ['/proc', '/sys', '/dev', '/etc', '/run', '/boot'];
/** Places inside that belong to the sandbox itself. */
const RESERVED = ['/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32', '/proc', '/dev', '/etc', '/sys', '/run', '/runtime', '/staged'];

export function mountRules(config: { readonly allowedMounts: readonly string[]; readonly dataDir: string; readonly keysDir?: string | undefined }): MountRules {
  const own = [realPathOf(config.dataDir), ...(config.keysDir === undefined ? [] : [realPathOf(config.keysDir)])];
  const servers = path.join(realPathOf(config.dataDir), 'servers');
  return { allowed: [...config.allowedMounts.map(realPathOf), servers], own, servers };
}

/**
 * The mounts of a server, checked: every source lies under an allowed folder after its links are resolved, and neither is,
 * lies in, nor contains what must stay hidden. Throws `invalid_request` that names the server and the path.
 * Parents come before what is mounted inside them.
 */
export function checkMounts(spec: LaunchSpec, rules: MountRules): readonly Mount[] {
  const read = spec.sandbox.read.map((source) => {
    if (!path.isAbsolute(source)) throw refusal(spec, source, 'is not an absolute path');
    const real = checkSource(spec, source, rules);
    if (!existsSync(real)) throw refusal(spec, source, 'does not exist');
    return { source: real, at: checkTarget(spec, path.normalize(source), '/usr'), writable: false };
  });
  const write = spec.sandbox.write.map(({ path: source, at }) => {
    if (!path.isAbsolute(source)) throw refusal(spec, source, 'is not an absolute path');
    return { source: checkSource(spec, source, rules), at: checkTarget(spec, at), writable: true };
  });
  return [...read, ...write].filter((mount) => mount.writable || !isWithin(mount.at, '/usr')).sort((a, b) => a.at.length - b.at.length);
}

function checkSource(spec: LaunchSpec, source: string, rules: MountRules): string {
  const real = realPathOf(source);
  if (real === '/') throw refusal(spec, source, 'is the root of the host');
  const never = NEVER.find((folder) => isWithin(real, folder));
  if (never !== undefined) throw refusal(spec, source, `lies in ${never}, which no server may see`);
  const own = rules.own.find((folder) => isWithin(real, folder) || isWithin(folder, real));
  if (own !== undefined && !(real !== rules.servers && isWithin(real, rules.servers))) {
    throw refusal(spec, source, `${isWithin(own, real) && own !== real ? 'contains' : 'is part of'} the gateway's own folder ${own}, where its keys and data are`);
  }
  if (!rules.allowed.some((folder) => isWithin(real, folder))) {
    throw refusal(spec, source, `is outside of the folders that may be mounted (${rules.allowed.join(', ')}). The operator extends them with MCPGW_RUNNER_ALLOWED_MOUNTS`);
  }
  return real;
}

function checkTarget(spec: LaunchSpec, at: string, except?: string): string {
  const normal = path.normalize(at).replace(/\/+$/, '');
  if (at.split('/').includes('..') || normal === '' || normal === '/tmp') throw refusal(spec, at, 'can not be mounted on');
  const reserved = RESERVED.find((folder) => isWithin(normal, folder));
  if (reserved !== undefined && reserved !== except) throw refusal(spec, at, `can not be mounted on: ${reserved} belongs to the sandbox`);
  return normal;
}

function refusal(spec: LaunchSpec, culprit: string, reason: string): GatewayError {
  return new GatewayError('invalid_request', `The server "${spec.server}" declares the mount "${culprit}", which ${reason}.`);
}
