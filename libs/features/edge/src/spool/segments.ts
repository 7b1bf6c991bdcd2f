import { closeSync, constants, copyFileSync, existsSync, ftruncateSync, mkdirSync, openSync, readdirSync, rmSync, statSync, truncateSync, write as writeCallback } from 'node:fs';
import { open } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { syncFolder } from './files.js';

const write = promisify(writeCallback);

/** One file of records, all of one epoch. Only its first `bytes` are known to be on disk; readers stop there. */
export interface Segment {
  readonly file: string;
  readonly epoch: number;
  readonly number: number;
  bytes: number;
}

/**
 * How far a segment is filled with zeros ahead of its end, and when that is done again. A write into what is filled changes no
 * size, so the disk has only its data to flush; a growing file takes the file system's journal each time, and waits for
 * whoever else does: four times as long beside a busy Postgres. Zeros are no record, so recovery cuts them as it cuts a torn end.
 */
const AHEAD_BYTES = 524_288;
const LOW_BYTES = 262_144;
const ZEROS = Buffer.alloc(AHEAD_BYTES);

interface Active {
  readonly segment: Segment;
  readonly descriptor: number;
  /** The file reaches to here; between the segment's end and this it is zeros. */
  filled: number;
  filling: Promise<void> | undefined;
}

const NAME = /^(\d{10})-(\d{10})\.spool$/;

/**
 * The files of a spool folder, oldest first; the last one is written to while a writer is open. Nothing here is shared:
 * one process, one folder.
 */
export class Segments {
  readonly quarantine: string;
  private list: Segment[] = [];
  private active: Active | undefined;

  constructor(readonly directory: string) {
    this.quarantine = path.join(directory, 'quarantine');
  }

  /** Makes the folder and lists what it holds, drafts of interrupted replacements removed. `bytes` are the files' sizes. */
  load(): readonly Segment[] {
    mkdirSync(this.directory, { recursive: true, mode: 0o700 });
    for (const name of readdirSync(this.directory)) if (name.startsWith('.')) rmSync(path.join(this.directory, name), { force: true });
    this.list = readdirSync(this.directory)
      .sort()
      .flatMap((name) => {
        const match = NAME.exec(name);
        const file = path.join(this.directory, name);
        return match ? [{ file, epoch: Number(match[1]), number: Number(match[2]), bytes: statSync(file).size }] : [];
      });
    return this.list;
  }

  all(): readonly Segment[] {
    return this.list;
  }

  /** Bytes of all segments. */
  size(): number {
    return this.list.reduce((sum, segment) => sum + segment.bytes, 0);
  }

  isActive(segment: Segment): boolean {
    return this.active?.segment === segment;
  }

  activeBytes(): number | undefined {
    return this.active?.segment.bytes;
  }

  /** Closes the segment written to, if any, and begins the next one. */
  begin(epoch: number): void {
    this.seal();
    const number = (this.list.at(-1)?.number ?? 0) + 1;
    const file = path.join(this.directory, `${String(epoch).padStart(10, '0')}-${String(number).padStart(10, '0')}.spool`);
    // O_DSYNC: the write returns when data and size are on disk, a write and an fdatasync in one trip.
    const descriptor = openSync(file, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_DSYNC, 0o600);
    const segment: Segment = { file, epoch, number, bytes: 0 };
    this.active = { segment, descriptor, filled: 0, filling: undefined };
    this.fillAhead(this.active);
    this.list.push(segment);
    syncFolder(this.directory);
  }

  /** Writes at the end of the active segment; when it resolves the bytes are on disk, when it rejects nothing is known. */
  async append(buffer: Buffer, afterWrite: () => void | Promise<void>): Promise<void> {
    if (!this.active) throw new Error('no segment is open');
    const { active } = this;
    const { segment, descriptor } = active;
    // The zeros under way may begin where these bytes end: they must not come after them.
    if (segment.bytes + buffer.length > active.filled) await active.filling;
    let done = 0;
    while (done < buffer.length) {
      const { bytesWritten } = await write(descriptor, buffer, done, buffer.length - done, segment.bytes + done);
      done += bytesWritten;
    }
    await afterWrite();
    segment.bytes += buffer.length;
    active.filled = Math.max(active.filled, segment.bytes);
    if (active.filled - segment.bytes < LOW_BYTES) this.fillAhead(active);
  }

  /**
   * Through a handle of its own, so that the segment can be sealed meanwhile. When it fails nothing is lost: the segment grows
   * with each write then, and a full disk shows where somebody waits for an answer.
   */
  private fillAhead(active: Active): void {
    if (active.filling) return;
    const from = active.filled;
    active.filling = fill(active.segment.file, from)
      .then(() => void (active.filled = Math.max(active.filled, from + AHEAD_BYTES)))
      .catch(() => {})
      .finally(() => void (active.filling = undefined));
  }

  /** Stops writing to the active segment: whatever a failed write left behind its known end is cut off where possible. */
  seal(): void {
    if (!this.active) return;
    const { segment, descriptor } = this.active;
    this.active = undefined;
    try {
      ftruncateSync(descriptor, segment.bytes);
    } catch {
      // Recovery finds its end by the checksums.
    }
    try {
      closeSync(descriptor);
    } catch {
      // A descriptor whose close reports an earlier fault is closed all the same.
    }
    if (segment.bytes === 0) this.remove(segment);
  }

  remove(segment: Segment): void {
    this.list = this.list.filter((other) => other !== segment);
    rmSync(segment.file, { force: true });
  }

  /** Copies a damaged segment to where nothing is ever deleted, for people to look at. Says where, or why there is no copy. */
  keepEvidence(segment: Segment): string {
    const copy = path.join(this.quarantine, path.basename(segment.file));
    try {
      mkdirSync(this.quarantine, { recursive: true, mode: 0o700 });
      if (!existsSync(copy)) copyFileSync(segment.file, copy);
      return `A copy is at ${copy}.`;
    } catch (error) {
      return `No copy could be made: ${error instanceof Error ? error.message : String(error)}.`;
    }
  }

  /** Names of what was kept as evidence, now or in an earlier run. */
  evidence(): readonly string[] {
    return existsSync(this.quarantine) ? readdirSync(this.quarantine) : [];
  }

  /** The segment ends here: what follows is the rest of a write that no one was told of. */
  cut(segment: Segment, bytes: number): void {
    truncateSync(segment.file, bytes);
    segment.bytes = bytes;
  }

  /** Up to `length` bytes from `offset`, never beyond the known end. */
  async read(segment: Segment, offset: number, length: number): Promise<Buffer> {
    const buffer = Buffer.allocUnsafe(Math.max(0, Math.min(length, segment.bytes - offset)));
    const file = await open(segment.file, 'r');
    try {
      let done = 0;
      while (done < buffer.length) {
        const { bytesRead } = await file.read(buffer, done, buffer.length - done, offset + done);
        if (bytesRead === 0) break;
        done += bytesRead;
      }
      return buffer.subarray(0, done);
    } finally {
      await file.close();
    }
  }
}

async function fill(file: string, from: number): Promise<void> {
  const handle = await open(file, 'r+');
  try {
    for (let done = 0; done < AHEAD_BYTES; ) done += (await handle.write(ZEROS, done, AHEAD_BYTES - done, from + done)).bytesWritten;
    await handle.datasync();
  } finally {
    await handle.close();
  }
}
