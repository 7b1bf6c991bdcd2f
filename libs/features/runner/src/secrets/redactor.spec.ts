import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { redactorFor } from './redactor.js';

const MASK = '[redacted secret]';
const secretValue = fc.string({ minLength: 8, maxLength: 64, unit: 'grapheme-ascii' }).filter((text) => text.trim().length >= 8);
const around = fc.string({ maxLength: 40 });

describe('redaction', () => {
  const redact = redactorFor(['pa/ss"wörd 1']);

  it('replaces the value in texts, keys and arrays however deep, and leaves the rest as the same object', () => {
    const untouched = { a: [1, null, 'x'] };
    expect(redact({ content: [{ text: 'it is pa/ss"wörd 1!' }], 'pa/ss"wörd 1': true, untouched })).toEqual({ content: [{ text: `it is ${MASK}!` }], [MASK]: true, untouched });
    expect(redact(untouched)).toBe(untouched);
  });

  it.each([
    ['JSON in a text', JSON.stringify({ key: 'pa/ss"wörd 1' })],
    ['JSON with escaped slashes', JSON.stringify('pa/ss"wörd 1').replaceAll('/', '\\/')],
    ['a URL', `https://x.test/?key=${encodeURIComponent('pa/ss"wörd 1')}`],
    ['a form', `key=${encodeURIComponent('pa/ss"wörd 1').replaceAll('%20', '+')}`],
    ['hexadecimal', Buffer.from('pa/ss"wörd 1').toString('hex')],
  ])('finds it in %s', (_what, text) => {
    expect(redact(text)).toContain(MASK);
  });

  it('finds it in Base64 of both alphabets, whatever stands around it', () => {
    fc.assert(
      fc.property(secretValue, around, around, (secret, before, after) => {
        const bytes = Buffer.from(before + secret + after, 'utf8');
        const known = redactorFor([secret]);
        expect(known(bytes.toString('base64'))).toContain(MASK);
        expect(known(bytes.toString('base64url'))).toContain(MASK);
      }),
    );
  });

  it('no text that held the value holds it afterwards', () => {
    fc.assert(fc.property(secretValue.filter((secret) => !MASK.includes(secret)), around, around, (secret, before, after) => !redactorFor([secret])(`${before}${secret}${after}`).includes(secret)));
  });

  it('does not look for values shorter than 8 characters', () => {
    expect(redactorFor(['short'])('short')).toBe('short');
  });
});
