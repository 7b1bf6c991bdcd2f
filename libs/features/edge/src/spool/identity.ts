import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { z } from 'zod';
import { readJson, replaceFile } from './files.js';

/** Which edge writes here, and which of its runs: `(edgeId, epoch, seq)` names an entry for ever. */
export interface SpoolIdentity {
  readonly edgeId: string;
  readonly epoch: number;
}

const stored = z.object({ edgeId: z.string().min(1).max(128), epoch: z.int().min(0) });

/**
 * Begins a new epoch: one more than any that this folder knows of. It is on disk before its first entry can be, so that no
 * number is ever given twice. A lost identity file is made again from what the segments hold.
 */
export function beginEpoch(directory: string, found: { readonly edgeId: string | undefined; readonly lastEpoch: number }): SpoolIdentity {
  const file = path.join(directory, 'identity.json');
  const before = stored.safeParse(readJson(file)).data;
  const edgeId = before?.edgeId ?? found.edgeId ?? `edge-${randomBytes(8).toString('hex')}`;
  const identity = { edgeId, epoch: Math.max(before?.epoch ?? 0, found.lastEpoch) + 1 };
  replaceFile(file, `${JSON.stringify(identity)}\n`);
  return identity;
}
