import { closeSync, constants, openSync, writeSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { readJson } from './files.js';
import type { Cursor } from './recovery.js';

const stored = z.object({ epoch: z.int().min(0), seq: z.int().min(0) });
const LINE_BYTES = 64;

/**
 * Remembers what the log has, so that a restart doesn't send it again. Never ahead of the receipts; one that is behind or
 * lost costs only a batch sent twice, so it isn't fsynced.
 */
export class CursorFile {
  private readonly file: string;
  private descriptor: number | undefined;

  constructor(directory: string) {
    this.file = path.join(directory, 'cursor.json');
  }

  read(): Cursor | undefined {
    return stored.safeParse(readJson(this.file)).data;
  }

  /** One write of always the same length: a kill in the middle leaves the old line or the new one. */
  write(cursor: Cursor): void {
    this.descriptor ??= openSync(this.file, constants.O_WRONLY | constants.O_CREAT, 0o600);
    writeSync(this.descriptor, `${JSON.stringify(cursor).padEnd(LINE_BYTES - 1)}\n`, 0);
  }

  close(): void {
    if (this.descriptor !== undefined) closeSync(this.descriptor);
    this.descriptor = undefined;
  }
}
