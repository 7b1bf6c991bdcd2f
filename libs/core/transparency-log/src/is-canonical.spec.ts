import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { canonicalize } from './canonical-json.js';
import { isCanonical } from './is-canonical.js';

/** What is meant: written again, it is the same text. */
function slowly(text: string): boolean | 'refused' {
  try {
    return canonicalize(JSON.parse(text)) === text;
  } catch {
    return 'refused';
  }
}

function quickly(text: string): boolean | 'refused' {
  try {
    return isCanonical(text, JSON.parse(text));
  } catch {
    return 'refused';
  }
}

/** Few names, so that they meet: twice in one object, in both orders, like numbers, and of every length. */
const name = fc.constantFrom('"a"', '"b"', '"aa"', '""', '"1"', '"2"', '"10"', '"01"', '"-1"', '"__proto__"', '"é"', '"\u{1f600}"', '"\\u0061"', '"\ud800"', '"length"');
const scalar = fc.constantFrom('0', '-0', '7', '10', '-1', '1.0', '1e3', '1E2', '0.5', '999999999999999', '1000000000000000', '9007199254740993', '1e999', 'true', 'false', 'null', '""', '"x"', '"\\n"', '"\\u000a"', '"/"', '"\\/"', '"\ud83d\ude00"', '"\ud800"', '"\\ud800"', '"\u007f"', '"\\""');
const space = fc.oneof({ weight: 12, arbitrary: fc.constant('') }, { weight: 1, arbitrary: fc.constantFrom(' ', '\n', '\t') });

/** Texts as JSON.parse takes them, canonical or nearly so. */
const jsonText = fc.letrec<{ readonly any: string }>((tie) => ({
  any: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    scalar,
    fc.tuple(fc.array(fc.tuple(tie('any'), space), { maxLength: 3 })).map(([elements]) => `[${elements.map((parts) => parts.join('')).join(',')}]`),
    fc.tuple(fc.array(fc.tuple(name, space, tie('any')), { maxLength: 4 }), fc.boolean()).map(([members, inOrder]) => {
      const written = members.map(([key, gap, member]) => `${key}:${gap}${member}`);
      return `{${(inOrder ? written.sort() : written).join(',')}}`;
    }),
  ),
})).any;

describe('isCanonical', () => {
  it('says of every text what writing it again says', () => {
    let canonical = 0;
    fc.assert(
      fc.property(jsonText, (text) => {
        const expected = slowly(text);
        if (expected === true) canonical++;
        expect(quickly(text)).toBe(expected);
      }),
      { numRuns: 20_000 },
    );
    expect(canonical).toBeGreaterThan(1_000);
  }, 30_000);

  it('takes what canonicalize writes, and nothing that one changed character makes of it unless that is canonical too', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.nat(), fc.constantFrom(' ', '0', '1', '"', '\\', ',', 'e', '.', '-', 'a'), (value, place, character) => {
        const text = canonicalize(JSON.parse(JSON.stringify(value)));
        const at = place % (text.length + 1);
        expect(quickly(text)).toBe(true);
        for (const changed of [text.slice(0, at) + character + text.slice(at), text.slice(0, at) + character + text.slice(at + 1)]) expect(quickly(changed)).toBe(slowly(changed));
      }),
      { numRuns: 2_000 },
    );
  }, 30_000);

  it.each([
    ['a name twice', '{"a":1,"a":1}'],
    ['a name twice, the space it takes made up for', '{"a":1,"a":1000000}'],
    ['names like numbers, which JSON.parse puts in order', '{"b":1,"1":1}'],
    ['names like numbers in the order of numbers', '{"2":1,"10":1}'],
    ['names out of order', '{"b":1,"a":1}'],
    ['names out of order further in', '{"a":[{"c":1,"b":1}]}'],
    ['a space, made up for by a shorter spelling', '{"a": 1e3}'],
    ['an escape that need not be', '{"a":"\\u0041"}'],
    ['minus zero', '{"a":-0}'],
  ])('refuses %s', (_what, text) => {
    expect(quickly(text)).toBe(false);
  });

  it('refuses nesting beyond 128 levels as canonicalize does', () => {
    const nested = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels);
    expect(quickly(nested(128))).toBe(true);
    expect(() => isCanonical(nested(129), JSON.parse(nested(129)))).toThrow('128 levels');
  });

  it('says the same of a text that is very long', () => {
    const long = `{"a":"${'x'.repeat(200_000)}","b":1}`;
    expect(quickly(long)).toBe(true);
    expect(quickly(`${long} `)).toBe(false);
    const many = `[${Array.from({ length: 30_000 }, () => '1').join(',')}]`;
    expect(quickly(many)).toBe(true);
  });
});
