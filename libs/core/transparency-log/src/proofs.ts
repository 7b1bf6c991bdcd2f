import { appendLeaves, EMPTY_FRONTIER, nodeHash } from './merkle.js';

/** Root of the leaves [start, end) as a tree of their own; how it comes by them is its affair. */
export type RangeRoot = (start: number, end: number) => Buffer;

/** For logs that fit into memory. */
export function rangeRootOf(leaves: readonly Uint8Array[]): RangeRoot {
  return (start, end) => appendLeaves(EMPTY_FRONTIER, leaves.slice(start, end)).root;
}

/** RFC 9162, 2.1.3.1: proof that the leaf at `index` is in the log of `size`. */
export function inclusionProof(index: number, size: number, rangeRoot: RangeRoot): readonly Buffer[] {
  checkRange(index >= 0 && index < size, `index ${index} of a log of size ${size}`);
  const path: Buffer[] = [];
  let start = 0;
  let end = size;
  while (end - start > 1) {
    const middle = start + splitOf(end - start);
    if (index < middle) {
      path.push(rangeRoot(middle, end));
      end = middle;
    } else {
      path.push(rangeRoot(start, middle));
      start = middle;
    }
  }
  return path.reverse();
}

/** RFC 9162, 2.1.3.2. */
export function verifyInclusion(leaf: Uint8Array, index: number, size: number, proof: readonly Uint8Array[], root: Uint8Array): boolean {
  if (!isIndex(index) || !isIndex(size) || index >= size) return false;
  let node = index;
  let last = size - 1;
  let hash: Uint8Array = leaf;
  for (const sibling of proof) {
    if (last === 0) return false;
    if (node % 2 === 1 || node === last) {
      hash = nodeHash(sibling, hash);
      while (node % 2 === 0 && node !== 0) [node, last] = [node / 2, Math.floor(last / 2)];
    } else {
      hash = nodeHash(hash, sibling);
    }
    [node, last] = [Math.floor(node / 2), Math.floor(last / 2)];
  }
  return last === 0 && equal(hash, root);
}

/** RFC 9162, 2.1.4.1: proof that the log of `oldSize` is a prefix of the log of `newSize`. Empty when either is trivial. */
export function consistencyProof(oldSize: number, newSize: number, rangeRoot: RangeRoot): readonly Buffer[] {
  checkRange(oldSize >= 0 && oldSize <= newSize, `consistency from size ${oldSize} to ${newSize}`);
  if (oldSize === 0 || oldSize === newSize) return [];
  const path: Buffer[] = [];
  let start = 0;
  let end = newSize;
  let old = oldSize; // size of the old log's part inside [start, end)
  while (old !== end - start) {
    const split = splitOf(end - start);
    if (old <= split) {
      path.push(rangeRoot(start + split, end));
      end = start + split;
    } else {
      path.push(rangeRoot(start, start + split));
      start += split;
      old -= split;
    }
  }
  // The old log's own root needs no proof; any other complete part of it does.
  if (start !== 0) path.push(rangeRoot(start, end));
  return path.reverse();
}

/** RFC 9162, 2.1.4.2. An empty old log is a prefix of anything. */
export function verifyConsistency(oldSize: number, newSize: number, oldRoot: Uint8Array, newRoot: Uint8Array, proof: readonly Uint8Array[]): boolean {
  if (!isIndex(oldSize) || !isIndex(newSize) || oldSize > newSize) return false;
  if (oldSize === 0) return proof.length === 0;
  if (oldSize === newSize) return proof.length === 0 && equal(oldRoot, newRoot);
  const path = isPowerOfTwo(oldSize) ? [oldRoot, ...proof] : proof;
  const first = path[0];
  if (!first) return false;
  let node = oldSize - 1;
  let last = newSize - 1;
  while (node % 2 === 1) [node, last] = [Math.floor(node / 2), Math.floor(last / 2)];
  let oldHash = first;
  let newHash = first;
  for (const sibling of path.slice(1)) {
    if (last === 0) return false;
    if (node % 2 === 1 || node === last) {
      oldHash = nodeHash(sibling, oldHash);
      newHash = nodeHash(sibling, newHash);
      while (node % 2 === 0 && node !== 0) [node, last] = [node / 2, Math.floor(last / 2)];
    } else {
      newHash = nodeHash(newHash, sibling);
    }
    [node, last] = [Math.floor(node / 2), Math.floor(last / 2)];
  }
  return last === 0 && equal(oldHash, oldRoot) && equal(newHash, newRoot);
}

/** The largest power of two smaller than `count`, for counts of two and more. */
function splitOf(count: number): number {
  let split = 1;
  while (split * 2 < count) split *= 2;
  return split;
}

function isPowerOfTwo(value: number): boolean {
  return splitOf(value + 1) === value;
}

function isIndex(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function checkRange(inside: boolean, what: string): void {
  if (!inside) throw new RangeError(`There is no proof for ${what}.`);
}

function equal(left: Uint8Array, right: Uint8Array): boolean {
  return Buffer.compare(left, right) === 0;
}
