import { accessSync, constants, realpathSync, statSync } from 'node:fs';
import path from 'node:path';

/** Whether `inner` is `outer` or lies below it. Both absolute and normalised. */
export function isWithin(inner: string, outer: string): boolean {
  return inner === outer || inner.startsWith(outer.endsWith('/') ? outer : `${outer}/`);
}

/** The path without symbolic links; what doesn't exist yet is taken as it will be made. */
export function realPathOf(file: string): string {
  const absolute = path.resolve(file);
  try {
    return realpathSync(absolute);
  } catch (error) {
    const parent = path.dirname(absolute);
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || parent === absolute) throw error;
    return path.join(realPathOf(parent), path.basename(absolute));
  }
}

export function isExecutableFile(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

const TOOL_FOLDERS = ['/usr/bin', '/usr/local/bin', '/bin', '/usr/sbin', '/sbin'];

/** A program of the system by name, from fixed folders: PATH belongs to whoever started us. */
export function findTool(name: string): string | undefined {
  return TOOL_FOLDERS.map((folder) => path.join(folder, name)).find(isExecutableFile);
}
