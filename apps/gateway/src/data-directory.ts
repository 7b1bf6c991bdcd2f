import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import path from 'node:path';

/**
 * Takes a data folder (0700) for this process alone; returns the way to give it back. A lock whose process is gone is taken
 * over. Throws who holds it otherwise: two gateways on one spool and one database cluster would harm each other.
 */
export function claimDataDirectory(directory: string): () => void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const file = path.join(directory, 'gateway.pid');
  for (let attempt = 0; attempt < 3; attempt += 1) {
    try {
      const handle = openSync(file, 'wx', 0o600);
      writeSync(handle, `${process.pid} ${startOf(process.pid)}\n`);
      closeSync(handle);
      return () => rmSync(file, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      const [pid = '', start = ''] = readFileSync(file, 'utf8').trim().split(' ');
      if (pid !== '' && startOf(Number(pid)) === start && start !== 'gone') {
        throw new Error(`The process ${pid} already runs a gateway on ${directory}. Stop it, or set MCPGW_DATA_DIR to another folder.`);
      }
      rmSync(file, { force: true });
    }
  }
  throw new Error(`Could not claim ${directory}: another gateway is starting on it.`);
}

/** When a process started, so that a reused process id isn't mistaken for the one that held the lock. */
function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? 'alive';
  } catch {
    if (process.platform === 'linux') return 'gone';
  }
  try {
    process.kill(pid, 0);
    return 'alive';
  } catch {
    return 'gone';
  }
}
