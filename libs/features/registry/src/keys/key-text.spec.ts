import { expect, test } from '@jest/globals';
import { keyedHash, makeKey, randomToken } from './key-text.js';

test('tokens use the whole alphabet and never repeat', () => {
  const tokens = Array.from({ length: 500 }, randomToken);
  expect(new Set(tokens).size).toBe(500);
  expect(tokens.every((token) => /^[0-9A-Za-z]{43}$/.test(token))).toBe(true);
  expect(new Set(tokens.join('')).size).toBe(62);
});

test('a key carries the public part of its id', () => {
  const { id, key } = makeKey();
  expect(key.startsWith(`mcpgw_${id.slice('key_'.length)}_`)).toBe(true);
});

test('the hash depends on the pepper', () => {
  expect(keyedHash(Buffer.alloc(32, 1), 'text')).not.toBe(keyedHash(Buffer.alloc(32, 2), 'text'));
});
