import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { appendLeaves, EMPTY_FRONTIER, frontierBytes, frontierOf, leafHash, nodeHash, rootOf } from './merkle.js';
import { consistencyProof, inclusionProof, rangeRootOf, verifyConsistency, verifyInclusion } from './proofs.js';

/** The leaves and roots of Certificate Transparency's own test vectors. */
const CT_LEAVES = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'].map((hex) => leafHash(Buffer.from(hex, 'hex')));
const CT_ROOTS = [
  'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
];

const leavesOf = (count: number): readonly Buffer[] => Array.from({ length: count }, (_, index) => leafHash(`leaf ${index}`));

/** RFC 6962, 2.1, word for word. */
function naiveRoot(leaves: readonly Buffer[]): Buffer {
  if (leaves.length === 0) return rootOf(EMPTY_FRONTIER);
  if (leaves.length === 1) return leaves[0] as Buffer;
  let split = 1;
  while (split * 2 < leaves.length) split *= 2;
  return nodeHash(naiveRoot(leaves.slice(0, split)), naiveRoot(leaves.slice(split)));
}

describe('the tree', () => {
  it.each(CT_ROOTS.map((root, size) => [size, root] as const))('has the root of the Certificate Transparency vectors at size %i', (size, root) => {
    expect(appendLeaves(EMPTY_FRONTIER, CT_LEAVES.slice(0, size)).root.toString('hex')).toBe(root);
  });

  it('hashes a text as its UTF-8 bytes', () => {
    expect(leafHash('é€😀')).toEqual(leafHash(Buffer.from('é€😀')));
  });

  it('has the same root whatever portions it was appended in', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(9), { maxLength: 12 }), (portions) => {
        let frontier = EMPTY_FRONTIER;
        let size = 0;
        for (const portion of portions) {
          frontier = appendLeaves(frontierOf(frontier.size, frontierBytes(frontier)), leavesOf(size + portion).slice(size)).frontier;
          size += portion;
        }
        expect(rootOf(frontier)).toEqual(naiveRoot(leavesOf(size)));
      }),
    );
  });

  it('refuses a stored frontier that does not fit its size', () => {
    expect(() => frontierOf(3, Buffer.alloc(32))).toThrow('A frontier of size 3 has 2 hashes');
  });
});

describe('proofs', () => {
  const MAX = 48;
  const leaves = leavesOf(MAX);
  const roots = Array.from({ length: MAX + 1 }, (_, size) => naiveRoot(leaves.slice(0, size)));
  const rangeRoot = rangeRootOf(leaves);

  it('have the inclusion path of the Certificate Transparency vectors', () => {
    const path = inclusionProof(5, 8, rangeRootOf(CT_LEAVES)).map((hash) => hash.toString('hex'));
    expect(path).toEqual(['bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b', 'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0', 'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7']);
  });

  it('have the consistency path of the Certificate Transparency vectors', () => {
    const path = consistencyProof(6, 8, rangeRootOf(CT_LEAVES)).map((hash) => hash.toString('hex'));
    expect(path).toEqual(['0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a', 'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0', 'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7']);
  });

  it('of inclusion verify for every index of every small size, and for no other index, size or leaf', () => {
    let accepted = 0;
    for (let size = 1; size <= MAX; size++) {
      for (let index = 0; index < size; index++) {
        const proof = inclusionProof(index, size, rangeRoot);
        const leaf = leaves[index] as Buffer;
        const root = roots[size] as Buffer;
        accepted += Number(verifyInclusion(leaf, index, size, proof, root));
        if (verifyInclusion(nodeHash(leaf, leaf), index, size, proof, root) || verifyInclusion(leaf, index, size, [...proof, leaf], root)) throw new Error(`A wrong proof passes at ${index} of ${size}`);
        for (let other = 0; other < size; other++) if (other !== index && verifyInclusion(leaf, other, size, proof, root)) throw new Error(`The proof of ${index} of ${size} passes for ${other}`);
      }
    }
    expect(accepted).toBe((MAX * (MAX + 1)) / 2);
  });

  it('of consistency verify for every pair of small sizes, and for no other root', () => {
    for (let size = 0; size <= MAX; size++) {
      for (let old = 0; old <= size; old++) {
        const proof = consistencyProof(old, size, rangeRoot);
        const [oldRoot, root] = [roots[old] as Buffer, roots[size] as Buffer];
        expect(verifyConsistency(old, size, oldRoot, root, proof)).toBe(true);
        if (old === 0) continue;
        const forged = leafHash('forged');
        if (verifyConsistency(old, size, forged, root, proof) || verifyConsistency(old, size, oldRoot, forged, proof) || verifyConsistency(old, size, oldRoot, root, [...proof, forged])) throw new Error(`A wrong proof passes from ${old} to ${size}`);
      }
    }
  });

  it('are refused for places outside the log', () => {
    expect(() => inclusionProof(3, 3, rangeRoot)).toThrow(RangeError);
    expect(() => consistencyProof(4, 3, rangeRoot)).toThrow(RangeError);
    expect(verifyInclusion(leaves[0] as Buffer, 1, 1, [], leaves[0] as Buffer)).toBe(false);
  });
});
