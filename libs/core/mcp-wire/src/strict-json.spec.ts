import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parseStrict } from './strict-json.js';
import { locateFault } from './strict-json-fault.js';

const LIMITS = { maxBytes: 1_000_000, maxDepth: 32 };
const parse = (text: string) => parseStrict(Buffer.from(text), LIMITS);
const fault = (text: string) => {
  const result = parse(text);
  return result.ok ? 'accepted' : `${result.code}@${result.position}`;
};

describe('parseStrict', () => {
  it.each([
    ['duplicate key', '{"a":1,"a":2}', 'duplicate_key@7'],
    ['duplicate key that is equal only after unescaping', '{"name":1,"n\\u0061me":2}', 'duplicate_key@10'],
    ['duplicate key deep inside', '{"x":[{"y":{"k":1,"k":1}}]}', 'duplicate_key@18'],
    ['duplicate key whose first value is dropped with its own members', '{"a":{"b":1,"c":2},"a":3}', 'duplicate_key@19'],
    ['duplicate empty key', '{"":1,"":1}', 'duplicate_key@6'],
    ['duplicate numeric key', '{"1":1,"1":1}', 'duplicate_key@7'],
    ['integer beyond 2^53-1', '{"n":9007199254740992}', 'unsafe_integer@5'],
    ['negative integer beyond', '[-9007199254740992]', 'unsafe_integer@1'],
    ['integer written with an exponent', '[1e20]', 'unsafe_integer@1'],
    ['number beyond the range of a double', '[1e400]', 'unsafe_integer@1'],
    ['__proto__', '{"__proto__":{"admin":true}}', 'forbidden_key@1'],
    ['__proto__ in escapes', '{"\\u005f_proto__":1}', 'forbidden_key@1'],
    ['byte order mark', '\ufeff{}', 'invalid_json@0'],
    ['lone high surrogate', '["\\ud800"]', 'invalid_json@1'],
    ['lone low surrogate as a key', '{"\\udc00":1}', 'invalid_json@1'],
    ['nesting beyond the limit', `${'['.repeat(33)}${']'.repeat(33)}`, 'too_deep@32'],
    ['a second document', '{} {}', 'invalid_json@3'],
    ['nothing', '', 'invalid_json@0'],
    ['an unclosed string', '{"a', 'invalid_json@1'],
    ['a trailing comma', '[1,]', 'invalid_json@3'],
    ['a control character in a string', '["\u0001"]', 'invalid_json@1'],
    ['a leading zero', '[01]', 'invalid_json@2'],
    ['NaN', '[NaN]', 'invalid_json@1'],
    ['a comment', '{/**/}', 'invalid_json@1'],
  ])('refuses %s', (_name, text, expected) => {
    expect(fault(text)).toBe(expected);
  });

  it('refuses a body over the size limit without looking into it', () => {
    expect(parseStrict(Buffer.from('[1,2,3]'), { maxBytes: 6, maxDepth: 4 })).toMatchObject({ ok: false, code: 'too_large', position: 6 });
  });

  it.each([
    ['an overlong encoding', [0x22, 0xc0, 0xaf, 0x22], 1],
    ['a surrogate in UTF-8', [0x22, 0xed, 0xa0, 0x80, 0x22], 1],
    ['UTF-16', [0xff, 0xfe, 0x7b, 0x00], 0],
  ])('refuses %s', (_name, bytes, position) => {
    expect(parseStrict(Uint8Array.from(bytes), LIMITS)).toMatchObject({ ok: false, code: 'invalid_utf8', position });
  });

  it('accepts what only looks suspicious', () => {
    for (const text of ['{"a":{"a":1},"b":{"a":1}}', '{"a":"\\"a\\":1,\\"a\\":2"}', '["\\ud83d\\ude00"]', '[9007199254740991,-9007199254740991,0.1,1e-400]', '{"a\\\\":":","a":"{[\\\\"}', `${'['.repeat(32)}${']'.repeat(32)}`]) {
      expect(parse(text)).toEqual({ ok: true, value: JSON.parse(text) });
    }
  });

  it('keeps a window into a larger buffer apart from its surroundings', () => {
    expect(parseStrict(new Uint8Array(Buffer.from('xx[1]yy')).subarray(2, 5), LIMITS)).toEqual({ ok: true, value: [1] });
  });

  it('stays linear on a megabyte of brackets, quotes or backslashes', () => {
    for (const text of ['['.repeat(1_000_000), '"'.repeat(999_999), `"${'\\'.repeat(999_997)}"`, '{"a":'.repeat(160_000), `["${'\\"'.repeat(499_000)}"]`]) {
      const start = performance.now();
      parse(text);
      expect(performance.now() - start).toBeLessThan(1_000);
    }
  });

  const json = fc.jsonValue({ maxDepth: 6 }).filter((value) => !JSON.stringify(value).includes('__proto__'));

  it('equals JSON.parse on what it accepts, and accepts all that is safe', () => {
    fc.assert(
      fc.property(json, fc.nat(3), (value, indent) => {
        const text = JSON.stringify(value, undefined, indent);
        const hasUnsafe = /\d[eE+\d]{15,}|[eE]\+/.test(text);
        const hasLoneSurrogate = /\\u[dD][89a-fA-F]/.test(text);
        const result = parse(text);
        if (!hasUnsafe && !hasLoneSurrogate) expect(result).toEqual({ ok: true, value: JSON.parse(text) });
        else if (result.ok) expect(result.value).toEqual(JSON.parse(text));
      }),
      { numRuns: 500 },
    );
  });

  it('refuses every object in which one key is repeated', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.string(), json), { minLength: 1, maxLength: 6 }), fc.nat(), (members, pick) => {
        const again = members[pick % members.length]!;
        const text = `{${[...members, again].map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join(',')}}`;
        expect(parse(text).ok).toBe(false);
      }),
    );
  });

  it('agrees with the slow scanner on mangled bodies, and never throws', () => {
    const mangled = fc.tuple(json, fc.nat(), fc.constantFrom('', '"', '\\', '{', '}', '[', ']', ':', ',', '1e999', '\\ud800', '__proto__', '\u0000', 'é'), fc.nat(3)).map(([value, at, piece, cut]) => {
      const text = JSON.stringify({ key: value, other: value });
      const place = at % (text.length + 1);
      return text.slice(0, place) + piece + text.slice(place + cut);
    });
    fc.assert(
      fc.property(mangled, (text) => {
        const bytes = Buffer.from(text);
        const fast = parseStrict(bytes, LIMITS);
        if (fast.ok) expect(fast.value).toEqual(JSON.parse(bytes.toString()));
        const slow = locateFault(bytes.toString(), LIMITS.maxDepth);
        const slowAccepts = slow.message === 'the body is not acceptable JSON';
        expect(slowAccepts).toBe(fast.ok);
      }),
      { numRuns: 2_000 },
    );
  });
});
