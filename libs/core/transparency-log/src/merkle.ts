import { hash } from 'node:crypto';

/** Size of a hash in bytes. */
export const HASH_BYTES = 32;

const EMPTY_ROOT = hash('sha256', Buffer.alloc(0), 'buffer');

/** RFC 6962, 2.1: SHA-256(0x00 || bytes). A string is taken as UTF-8. */
export function leafHash(body: string | Uint8Array): Buffer {
  if (typeof body === 'string') return hash('sha256', `\0${body}`, 'buffer');
  const input = Buffer.allocUnsafe(body.length + 1);
  input[0] = 0;
  input.set(body, 1);
  return hash('sha256', input, 'buffer');
}

/** RFC 6962, 2.1: SHA-256(0x01 || left || right). */
export function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  const input = Buffer.allocUnsafe(1 + 2 * HASH_BYTES);
  input[0] = 1;
  input.set(left, 1);
  input.set(right, 1 + HASH_BYTES);
  return hash('sha256', input, 'buffer');
}

/**
 * Everything that appending to a log needs of it: its size, and the roots of the perfect subtrees that its size splits into,
 * largest first; there are as many as `size` has one-bits.
 */
export interface Frontier {
  readonly size: number;
  readonly hashes: readonly Buffer[];
}

export const EMPTY_FRONTIER: Frontier = { size: 0, hashes: [] };

/** The frontier from its stored form, the hashes one after the other. Throws when their number doesn't fit the size. */
export function frontierOf(size: number, bytes: Uint8Array): Frontier {
  const count = oneBits(size);
  if (bytes.length !== count * HASH_BYTES) throw new RangeError(`A frontier of size ${size} has ${count} hashes, these are ${bytes.length} bytes.`);
  return { size, hashes: Array.from({ length: count }, (_, index) => Buffer.from(bytes.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES))) };
}

export function frontierBytes(frontier: Frontier): Buffer {
  return Buffer.concat(frontier.hashes);
}

/** The log after these leaf hashes were appended. Amortised one hash for each leaf. */
export function appendLeaves(frontier: Frontier, leaves: readonly Uint8Array[]): { readonly size: number; readonly root: Buffer; readonly frontier: Frontier } {
  const hashes: Buffer[] = [...frontier.hashes];
  let size = frontier.size;
  for (const leaf of leaves) {
    let node = Buffer.from(leaf.buffer, leaf.byteOffset, leaf.byteLength);
    // Every trailing one-bit of the size is a perfect subtree as large as the one that has just been completed.
    for (let rest = size; rest % 2 === 1; rest = (rest - 1) / 2) node = nodeHash(hashes.pop() as Buffer, node) as Buffer<ArrayBuffer>;
    hashes.push(node);
    size++;
  }
  const next = { size, hashes };
  return { size, root: rootOf(next), frontier: next };
}

/** RFC 6962, 2.1: the Merkle tree hash of the log. */
export function rootOf(frontier: Frontier): Buffer {
  let root: Buffer | undefined;
  for (let index = frontier.hashes.length - 1; index >= 0; index--) {
    const left = frontier.hashes[index] as Buffer;
    root = root ? nodeHash(left, root) : left;
  }
  return root ?? EMPTY_ROOT;
}

/** Sizes go beyond 32 bits, so no bit operators. */
function oneBits(size: number): number {
  let count = 0;
  for (let rest = size; rest > 0; rest = Math.floor(rest / 2)) count += rest % 2;
  return count;
}
