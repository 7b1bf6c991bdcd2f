import { createHash } from 'node:crypto';
import { chmodSync, chownSync, closeSync, constants, fstatSync, lchownSync, lstatSync, mkdirSync, openSync, readdirSync } from 'node:fs';
import path from 'node:path';

/** Above what distributions, systemd's dynamic users and containers are given, below the numbers that overflow a signed one. */
const FIRST_UID = 0x7000_0000;
const UIDS = 2 ** 27;
const MAX_ENTRIES = 100_000;

/** The user that a server runs as when the runner is root: always the same for a server, so that its files stay its own. */
export function uidFor(organization: string, server: string): number {
  return FIRST_UID + (createHash('sha256').update(`${organization}/${server}`).digest().readUInt32BE(0) % UIDS);
}

/** Makes a writable mount's folder. As root it is given to the server's user, with all it contains, when it isn't yet. */
export function prepareWritable(folder: string, uid: number | undefined): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (uid === undefined) return;
  const state = lstatSync(folder);
  if (state.uid === uid) return;
  giveTree(folder, uid);
  chmodSync(folder, 0o700);
}

/**
 * Changes owners without following links, parents held open by descriptor: a server that still runs on this folder must not
 * be able to swap a path for a link to a host file while root works on it. Files with several names are left alone: one of
 * the names may be elsewhere.
 */
function giveTree(folder: string, uid: number): void {
  let left = MAX_ENTRIES;
  const give = (directory: string): void => {
    const fd = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
    try {
      const here = `/proc/self/fd/${fd}`;
      for (const entry of readdirSync(here, { withFileTypes: true })) {
        if (left-- <= 0) throw new Error(`${folder} holds more than ${MAX_ENTRIES} files. Change its owner to ${uid} yourself: chown -R ${uid}:${uid} ${folder}`);
        const child = path.join(here, entry.name);
        if (entry.isDirectory()) give(child);
        else if (lstatSync(child).nlink === 1) lchownSync(child, uid, uid);
      }
      if (fstatSync(fd).uid !== uid) chownSync(here, uid, uid);
    } finally {
      closeSync(fd);
    }
  };
  give(folder);
}
