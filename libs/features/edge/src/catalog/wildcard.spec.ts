import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { wildcard } from './wildcard.js';

/** What it should equal, by the textbook; slow and obvious. */
function matches(pattern: string, text: string): boolean {
  if (pattern === '') return text === '';
  if (pattern[0] === '*') return matches(pattern.slice(1), text) || (text !== '' && matches(pattern, text.slice(1)));
  return text !== '' && pattern[0] === text[0] && matches(pattern.slice(1), text.slice(1));
}

describe('wildcard', () => {
  it('matches as the definition says', () => {
    const letters = (unit: fc.Arbitrary<string>) => fc.string({ unit, maxLength: 8 });
    fc.assert(fc.property(letters(fc.constantFrom('a', 'b', '*', '.')), letters(fc.constantFrom('a', 'b', '.')), (pattern, text) => wildcard(pattern)(text) === matches(pattern, text)), { numRuns: 2_000 });
  });

  it('takes no time on texts that make regular expressions backtrack', () => {
    const started = performance.now();
    expect(wildcard(`${'*a'.repeat(20)}*b`)('a'.repeat(4_096))).toBe(false);
    expect(performance.now() - started).toBeLessThan(100);
  });
});
