import { readdirSync, readFileSync } from 'node:fs';

/** Parent and start time (clock ticks since boot) of a process, from /proc/PID/stat; `undefined` when it is gone. */
export function processStat(pid: number): { readonly parent: number; readonly startTime: string } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the name in parentheses and may itself contain spaces and parentheses.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { parent: Number(fields[1]), startTime: fields[19] as string };
  } catch {
    return undefined;
  }
}

/** All processes below `root`, parents first. A snapshot: what forks meanwhile is missed. */
export function descendants(root: number): readonly number[] {
  const children = new Map<number, number[]>();
  for (const pid of allProcesses()) {
    const parent = processStat(pid)?.parent;
    if (parent !== undefined) children.set(parent, [...(children.get(parent) ?? []), pid]);
  }
  const found: number[] = [];
  for (let queue = [root]; queue.length > 0; ) {
    queue = queue.flatMap((pid) => children.get(pid) ?? []);
    found.push(...queue);
  }
  return found;
}

export function childrenOf(parent: number): readonly number[] {
  return allProcesses().filter((pid) => processStat(pid)?.parent === parent);
}

export function allProcesses(): readonly number[] {
  try {
    return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number);
  } catch {
    return [];
  }
}

export function processName(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return undefined;
  }
}

/** Sends a signal; a process that is gone is no fault. */
export function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It ended on its own.
  }
}
