import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { canonicalize } from './canonical-json.js';

describe('canonicalize', () => {
  it('writes the example of RFC 8785, 3.2.2 and 3.2.3', () => {
    const input = JSON.parse('{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],"string":"\\u20ac$\\u000F\\u000aA\'\\u0042\\u0022\\u005c\\\\\\"\\/","literals":[null,true,false]}');
    expect(canonicalize(input)).toBe('{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}');
  });

  it('sorts property names by UTF-16 code units, RFC 8785, 3.2.3', () => {
    const input = { '\u20ac': 'Euro Sign', '\r': 'Carriage Return', '\ufb33': 'Hebrew Letter Dalet With Dagesh', '1': 'One', '\ud83d\ude00': 'Emoji: Grinning Face', '\u0080': 'Control', '\u00f6': 'Latin Small Letter O With Diaeresis' };
    expect(Object.values(JSON.parse(canonicalize(input)) as object)).toEqual(['One', 'Carriage Return', 'Control', 'Latin Small Letter O With Diaeresis', 'Euro Sign', 'Emoji: Grinning Face', 'Hebrew Letter Dalet With Dagesh']);
  });

  it.each([
    [0, '0'],
    [-0, '0'],
    [5e-324, '5e-324'],
    [-1.7976931348623157e308, '-1.7976931348623157e+308'],
    [9007199254740992, '9007199254740992'],
    [295147905179352830000, '295147905179352830000'],
    [1e21, '1e+21'],
    [333333333.33333325, '333333333.33333325'],
    [0.000001, '0.000001'],
    [1e-7, '1e-7'],
  ])('writes the number %d as appendix B of RFC 8785 does', (value, text) => {
    expect(canonicalize(value)).toBe(text);
  });

  it.each([[Number.NaN], [Number.POSITIVE_INFINITY], ['\ud800'], [{ '\udc00': 1 }], [1n], [() => 1], [undefined]])('refuses %p, which has no canonical form', (value) => {
    expect(() => canonicalize(value)).toThrow(TypeError);
  });

  it('refuses endless nesting instead of exhausting the stack', () => {
    const endless: Record<string, unknown> = {};
    endless['again'] = endless;
    expect(() => canonicalize(endless)).toThrow('128 levels');
  });

  it('leaves out undefined properties and writes null for undefined elements, as JSON.stringify does', () => {
    expect(canonicalize({ b: 1, a: undefined, c: [undefined] })).toBe('{"b":1,"c":[null]}');
  });

  it.each([2, 32, 33, 200])('sorts %i names by their UTF-16 code units, in whatever order they were set', (count) => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.string({ unit: 'grapheme', maxLength: 40 }), { minLength: count, maxLength: count }), (names) => {
        const value = Object.fromEntries(names.map((name, index) => [name, index]));
        const expected = [...names].sort().map((name) => `${JSON.stringify(name)}:${value[name]}`);
        expect(canonicalize(value)).toBe(`{${expected.join(',')}}`);
      }),
      { numRuns: 50 },
    );
  });

  it('keeps the value and forgets the order of properties', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = canonicalize(value);
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
        expect(canonicalize(reversed(value))).toBe(text);
      }),
    );
  });
});

function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).reverse().map(([name, member]) => [name, reversed(member)]));
}
