import type { ChildProcess } from 'node:child_process';
import { constants } from 'node:os';
import type { Exit } from './sandbox.js';

const OUTPUT_GRACE_MS = 500;

const SIGNALS = new Map(Object.entries(constants.signals).map(([name, number]) => [number, name]));

/**
 * How a child ended, once its output is read as well: its last words explain the end. Shells and bubblewrap report a death
 * by signal n as code 128 + n. Never rejects; a program that couldn't be started at all has code 127.
 */
export function exitOf(child: ChildProcess): Promise<Omit<Exit, 'outOfMemory'>> {
  return new Promise((resolve) => {
    child.on('error', () => resolve({ code: 127, signal: undefined }));
    const settle = (code: number | null, signal: NodeJS.Signals | null): void => {
      const implied = code !== null && code > 128 ? SIGNALS.get(code - 128) : undefined;
      resolve(implied === undefined ? { code: code ?? undefined, signal: signal ?? undefined } : { code: undefined, signal: implied });
    };
    child.on('close', settle);
    // A grandchild outside the sandbox's reach may hold the pipes open for ever.
    child.on('exit', (code, signal) => setTimeout(() => settle(code, signal), OUTPUT_GRACE_MS).unref());
  });
}
