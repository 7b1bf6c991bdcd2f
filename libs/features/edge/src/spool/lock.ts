import { readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { z } from 'zod';
import { readJson, replaceFile } from './files.js';

const holder = z.object({ host: z.string(), pid: z.int(), startedAt: z.string() });

/**
 * Keeps two edges from writing into one spool. The holder is a process of this host; one that no longer runs, also after a
 * kill -9, holds nothing. A volume that moved here from another host counts as free: it can be attached to one host only.
 */
export class SpoolLock {
  private readonly file: string;
  private held = false;

  constructor(directory: string) {
    this.file = path.join(directory, 'lock.json');
  }

  /** Throws an Error that names the other process. */
  take(): void {
    if (this.held) return;
    const other = holder.safeParse(readJson(this.file)).data;
    if (other && other.host === os.hostname() && other.pid !== process.pid && startOf(other.pid) === other.startedAt) {
      throw new Error(`process ${other.pid} uses it; stop that edge, or give this one a data folder of its own (MCPGW_DATA_DIR)`);
    }
    replaceFile(this.file, `${JSON.stringify({ host: os.hostname(), pid: process.pid, startedAt: startOf(process.pid) ?? '' })}\n`);
    this.held = true;
  }

  release(): void {
    if (this.held) rmSync(this.file, { force: true });
    this.held = false;
  }
}

/** When a process was started, in a form that another process with the same number can't have; undefined when there is none. */
function startOf(pid: number): string | undefined {
  if (process.platform === 'linux') {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
      return stat.slice(stat.lastIndexOf(')')).split(' ')[20];
    } catch {
      return undefined;
    }
  }
  try {
    process.kill(pid, 0);
    return '';
  } catch {
    return undefined;
  }
}
