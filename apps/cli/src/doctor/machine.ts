import { execFile } from 'node:child_process';
import { statSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import type { Hop } from './hop.js';

const run = promisify(execFile);
const NEEDED_NODE = 24;
const TRIAL_MS = 5_000;

export function checkNode(): Hop {
  const hop = 'node';
  const fine = Number(process.versions.node.split('.')[0]) >= NEEDED_NODE;
  return fine ? { hop, state: 'ok', detail: process.version } : { hop, state: 'failed', detail: `${process.version} is too old`, fix: `Install Node ${NEEDED_NODE} or newer.` };
}

/** Installed, and able to make a sandbox: a kernel or a container may forbid user namespaces. */
export async function checkBubblewrap(): Promise<Hop> {
  const hop = 'bubblewrap';
  if (process.platform !== 'linux') return { hop, state: 'skipped', detail: 'only needed on Linux' };
  let version: string;
  try {
    version = (await run('bwrap', ['--version'], { timeout: TRIAL_MS })).stdout.trim();
  } catch {
    return { hop, state: 'failed', detail: 'is not installed; stdio servers can not be confined', fix: 'apt-get install bubblewrap (or the like of your system)' };
  }
  try {
    await run('bwrap', ['--unshare-all', '--ro-bind', '/', '/', 'true'], { timeout: TRIAL_MS });
    return { hop, state: 'ok', detail: `${version} makes sandboxes` };
  } catch {
    return { hop, state: 'failed', detail: `${version} is installed, but may not make a sandbox here`, fix: 'Allow user namespaces: sysctl -w kernel.unprivileged_userns_clone=1, or run the container with that right.' };
  }
}

/** The folder holds tokens and keys: nobody else may read it. */
export function checkDataDirectory(dataDir: string): Hop {
  const hop = 'data folder';
  const folder = path.resolve(dataDir);
  const open = [folder, path.join(folder, 'first-run.json'), path.join(folder, 'keys')].filter((file) => {
    const mode = modeOf(file);
    return mode !== undefined && (mode & 0o077) !== 0;
  });
  if (modeOf(folder) === undefined) return { hop, state: 'skipped', detail: `there is none at ${folder}; the gateway may be elsewhere` };
  // A readable folder around files that are not is no leak; the files are what counts.
  const leaking = open.filter((file) => file !== folder);
  if (leaking.length > 0) return { hop, state: 'failed', detail: `others may read ${leaking.join(', ')}`, fix: `chmod -R go= ${leaking.join(' ')}` };
  return { hop, state: 'ok', detail: folder };
}

function modeOf(file: string): number | undefined {
  return statSync(file, { throwIfNoEntry: false })?.mode;
}
