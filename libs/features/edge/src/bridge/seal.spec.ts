import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { Seal } from './seal.js';

describe('sealed values', () => {
  const secret = randomBytes(32);
  const seal = new Seal(secret, 'spec', 200);

  it('open for what they were sealed for, and are different each time', () => {
    const [one, two] = [seal.seal(['a', 1], 'b'), seal.seal(['a', 1], 'b')];
    expect(one).not.toBe(two);
    expect([seal.open(one, 'b'), seal.open(two, 'b')]).toEqual([['a', 1], ['a', 1]]);
  });

  it('open for nothing else: another binding, purpose or key, any changed character, anything that is no token', () => {
    const token = seal.seal('secret', 'mine')!;
    const changed = token.split('').map((character, i) => token.slice(0, i) + (character === 'A' ? 'B' : 'A') + token.slice(i + 1));
    // The last character may hold bits that belong to no byte.
    for (const other of changed.slice(0, -1)) expect(seal.open(other, 'mine')).toBeUndefined();
    expect(seal.open(token, 'other')).toBeUndefined();
    expect(new Seal(secret, 'other', 200).open(token, 'mine')).toBeUndefined();
    expect(new Seal(randomBytes(32), 'spec', 200).open(token, 'mine')).toBeUndefined();
    for (const none of ['', 'A', 'ä', '=', undefined, 7, null, {}, 'A'.repeat(201), token.slice(1)]) expect(seal.open(none, 'mine')).toBeUndefined();
  });

  it('are not made when they would be too long to come back', () => {
    expect(seal.seal('x'.repeat(200), 'b')).toBeUndefined();
  });
});
