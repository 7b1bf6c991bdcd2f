import { randomUUID } from 'node:crypto';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { organizationView, type OrganizationView } from '@mcpgw/contracts';
import { z } from 'zod';

const snapshot = z.object({ format: z.literal(1), savedAt: z.string(), organizations: z.array(organizationView) });

export interface SavedSnapshot {
  readonly savedAtMs: number;
  readonly organizations: readonly OrganizationView[];
}

/** The last good snapshot on disk (0600: it holds key hashes and ciphertexts), replaced as a whole or not at all. */
export class SnapshotFile {
  constructor(private readonly file: string) {}

  /** `undefined` when there is none; a damaged one counts as none, and `problem` says so. */
  async load(): Promise<{ snapshot?: SavedSnapshot; problem?: string }> {
    let text: string;
    try {
      text = await readFile(this.file, 'utf8');
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'ENOENT' ? {} : { problem: message(error) };
    }
    try {
      const { savedAt, organizations } = snapshot.parse(JSON.parse(text));
      return { snapshot: { savedAtMs: Date.parse(savedAt), organizations } };
    } catch (error) {
      return { problem: message(error) };
    }
  }

  async save(organizations: readonly OrganizationView[], nowMs: number): Promise<void> {
    const draft = `${this.file}.${randomUUID()}`;
    await mkdir(path.dirname(this.file), { recursive: true, mode: 0o700 });
    try {
      const handle = await open(draft, 'wx', 0o600);
      try {
        await handle.writeFile(JSON.stringify({ format: 1, savedAt: new Date(nowMs).toISOString(), organizations }));
        await handle.sync();
      } finally {
        await handle.close();
      }
      await rename(draft, this.file);
    } catch (error) {
      await rm(draft, { force: true });
      throw error;
    }
  }
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
