import fc from 'fast-check';
import { authorizeFromText } from './cedar.js';
import { globMatcher } from './glob.js';
import { cedarPattern } from './literals.js';

describe('globMatcher', () => {
  it.each([
    ['get_*', 'get_customer', true],
    ['get_*', 'get_', true],
    ['get_*', 'target_x', false],
    ['*', '', true],
    ['*', 'a/b\nc', true],
    ['', '', true],
    ['', 'x', false],
    ['crm', 'crm2', false],
    ['a*a', 'a', false],
    ['a*a', 'aa', true],
    ['*_customer', 'get_customer', true],
    ['a**b', 'ab', true],
    ['*ab*ab*', 'abab', true],
    ['*ab*ab*', 'abcab', true],
    ['*ab*ab*', 'aab', false],
    ['*aab*', 'aaab', true],
    ['x*abc', 'xab', false],
    ['.*', 'get', false],
    ['\\*', '\\anything', true],
    ['[a-z]?', '[a-z]?', true],
    ['*😀*', 'a😀b', true],
  ])('%j on %j is %s', (pattern, text, expected) => {
    expect(globMatcher(pattern)(text)).toBe(expected);
  });

  const character = fc.constantFrom('a', 'b', '*', '\\', '"', '😀', '\u0000', '\n');
  it('matches as Cedar does', () => {
    fc.assert(
      fc.property(fc.string({ unit: character, maxLength: 8 }), fc.string({ unit: character, maxLength: 10 }), (pattern, text) => {
        const policy = { id: 'p', cedar: `permit(principal, action, resource) when { resource.name like ${cedarPattern(pattern)} };` };
        const answer = authorizeFromText([policy], { consumer: 'c', roles: [], attributes: {}, action: 'tools/call', server: 's', target: text, arguments: {} });
        expect(globMatcher(pattern)(text)).toBe(answer?.allow);
      }),
      { numRuns: 500 },
    );
  });

  it('compares each character of a text a bounded number of times, however the pattern is made', () => {
    const pattern = `*${'a'.repeat(255)}b*${'a'.repeat(250)}c*`;
    const text = 'a'.repeat(2_000_000);
    const matches = globMatcher(pattern);
    const started = performance.now();
    expect(matches(text)).toBe(false);
    // Searching naively takes 250 comparisons for each of the two million characters: seconds instead of milliseconds.
    expect(performance.now() - started).toBeLessThan(1_000);
  });
});
