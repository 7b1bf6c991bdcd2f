import { spawnSync } from 'node:child_process';
import { chownSync, cpSync, existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import type { PostgresBinaries } from './binaries.js';

/**
 * How to start Postgres, which refuses to run as root. As an ordinary user: as it is. As root: in a user namespace where this
 * same user has another number, so that all files stay root's own and any folder works, also one of mode 0700. Where the
 * kernel forbids that: as nobody, with the binaries copied to where nobody can read them.
 */
export interface PostgresIdentity {
  readonly binaries: PostgresBinaries;
  /** Words to put before the command. */
  readonly prefix: readonly string[];
  readonly uid?: number;
}

const NOBODY = 65_534;
const INSIDE_ID = '1000';
const NAMESPACE_PREFIX = ['unshare', '--user', `--map-user=${INSIDE_ID}`, `--map-group=${INSIDE_ID}`, '--'] as const;

export function chooseIdentity(binaries: PostgresBinaries, dataDirectory: string): PostgresIdentity {
  if (process.getuid?.() !== 0) return { binaries, prefix: [] };
  const probe = spawnSync(NAMESPACE_PREFIX[0], [...NAMESPACE_PREFIX.slice(1), 'sh', '-c', 'test "$(id -u)" != 0 && test -x "$1" && test -w "$2"', 'sh', binaries.initdb, dataDirectory]);
  if (probe.status === 0) return { binaries, prefix: NAMESPACE_PREFIX };
  const copied = readableByAll(path.dirname(binaries.initdb)) ? binaries : copyForNobody(binaries);
  if (!readableByAll(path.dirname(dataDirectory))) {
    throw new Error(
      `Postgres does not run as root, and the user nobody can't reach ${dataDirectory}. Set MCPGW_DATA_DIR to a folder whose parents others may enter, start as an ordinary user, or set MCPGW_DATABASE_URL.`,
    );
  }
  giveToNobody(dataDirectory);
  return { binaries: copied, prefix: [], uid: NOBODY };
}

/** Whether others may enter every folder on the way. */
function readableByAll(directory: string): boolean {
  for (let current = path.resolve(directory); ; current = path.dirname(current)) {
    if ((statSync(current).mode & 0o001) === 0) return false;
    if (current === path.dirname(current)) return true;
  }
}

function copyForNobody(binaries: PostgresBinaries): PostgresBinaries {
  const native = path.dirname(path.dirname(binaries.initdb));
  const target = '/var/lib/mcpgw/postgres-binaries';
  if (!existsSync(path.join(target, 'bin/postgres'))) {
    mkdirSync(target, { recursive: true, mode: 0o755 });
    cpSync(native, target, { recursive: true, verbatimSymlinks: true });
  }
  return { initdb: path.join(target, 'bin/initdb'), postgres: path.join(target, 'bin/postgres') };
}

function giveToNobody(directory: string): void {
  chownSync(directory, NOBODY, NOBODY);
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const child = path.join(directory, entry.name);
    if (entry.isDirectory()) giveToNobody(child);
    else chownSync(child, NOBODY, NOBODY);
  }
}
