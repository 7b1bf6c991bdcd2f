import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { LineDecoder } from './lines.js';
import { encodeSse, SSE_KEEP_ALIVE, SseDecoder } from './sse.js';

/** Bytes cut at arbitrary places, also inside characters. */
function pieces(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  return [...places, bytes.length].map((end, index) => bytes.subarray(places[index - 1] ?? 0, end));
}

describe('SseDecoder', () => {
  const decode = (text: string) => new SseDecoder({ maxEventBytes: 10_000 }).push(Buffer.from(text));

  it('reads back what encodeSse writes, however it is cut', () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue(), { maxLength: 5 }), fc.array(fc.nat(), { maxLength: 10 }), (messages, cuts) => {
        const decoder = new SseDecoder({ maxEventBytes: 1_000_000 });
        const bytes = Buffer.from(messages.map((message) => SSE_KEEP_ALIVE + encodeSse(message)).join(''));
        const events = pieces(bytes, cuts).flatMap((piece) => [...decoder.push(piece)]);
        expect(events.map(({ data }) => JSON.parse(data) as unknown)).toEqual(messages.map((message) => JSON.parse(JSON.stringify(message)) as unknown));
      }),
    );
  });

  it('takes every line end of the standard, however it is cut', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('\n', '\r', '\r\n'), { minLength: 4, maxLength: 4 }), fc.array(fc.nat(), { maxLength: 12 }), (ends, cuts) => {
        const text = `event: a${ends[0]}data: 1${ends[1]}data: 2${ends[2]}${ends[3]}data: 3\n\n`;
        // A feed after a return is one line end, not two: the pair would swallow the blank line.
        fc.pre(!(ends[2] === '\r' && ends[3] === '\n'));
        const decoder = new SseDecoder({ maxEventBytes: 1_000 });
        const events = pieces(Buffer.from(text), cuts).flatMap((piece) => [...decoder.push(piece)]);
        expect(events.map(({ event, data }) => [event, data])).toEqual([
          ['a', '1\n2'],
          ['message', '3'],
        ]);
      }),
    );
  });

  it('knows ids, comments, missing colons and fields of others', () => {
    expect(decode('id: 7\n: comment\nretry: 10\nother: x\ndata:x\ndata\n\n')).toEqual([{ event: 'message', data: 'x\n', id: '7' }]);
    expect(decode('event: only\n\n')).toEqual([]);
  });

  it('writes an id that can not end its line', () => {
    expect(encodeSse({ a: 'b\nc' }, { id: '1\n2' })).toBe('id: 12\nevent: message\ndata: {"a":"b\\nc"}\n\n');
  });

  it.each([
    ['one endless line', () => 'data: ' + 'x'.repeat(500)],
    ['endless lines of one event', () => `data: ${'x'.repeat(90)}\n`],
  ])('stops at %s', (_name, flood) => {
    const decoder = new SseDecoder({ maxEventBytes: 1_000 });
    for (let n = 0; n < 100 && !decoder.overflowed; n += 1) decoder.push(Buffer.from(flood()));
    expect(decoder.overflowed).toBe(true);
    expect(decoder.push(Buffer.from('\n\ndata: 1\n\n'))).toEqual([]);
  });
});

describe('LineDecoder', () => {
  it('gives the lines, however they are cut', () => {
    fc.assert(
      fc.property(fc.array(fc.stringMatching(/^[^\r\n]+$/).filter((line) => line.isWellFormed()), { maxLength: 6 }), fc.constantFrom('\n', '\r\n'), fc.array(fc.nat(), { maxLength: 10 }), (lines, end, cuts) => {
        const decoder = new LineDecoder({ maxLineBytes: 10_000 });
        const bytes = Buffer.from(lines.map((line) => line + end).join(''));
        expect(pieces(bytes, cuts).flatMap((piece) => [...decoder.push(piece)])).toEqual(lines);
      }),
    );
  });

  it('holds an unfinished line back and leaves empty ones out', () => {
    const decoder = new LineDecoder({ maxLineBytes: 100 });
    expect(decoder.push(Buffer.from('a\n\nb'))).toEqual(['a']);
    expect(decoder.push(Buffer.from('c\n'))).toEqual(['bc']);
  });

  it('copies what it holds, since a stream may use its memory again', () => {
    const decoder = new LineDecoder({ maxLineBytes: 100 });
    const chunk = Buffer.from('abc');
    decoder.push(chunk);
    chunk.fill(0x78);
    expect(decoder.push(Buffer.from('\n'))).toEqual(['abc']);
  });

  it('keeps the good lines in front of one that is too long, and stops there', () => {
    const decoder = new LineDecoder({ maxLineBytes: 10 });
    expect(decoder.push(Buffer.from(`ok\n${'x'.repeat(11)}`))).toEqual(['ok']);
    expect(decoder.overflowed).toBe(true);
    expect(decoder.push(Buffer.from('\nok\n'))).toEqual([]);
  });

  it('refuses a line that is too long although it ends in the same chunk', () => {
    const decoder = new LineDecoder({ maxLineBytes: 10 });
    expect(decoder.push(Buffer.from(`${'x'.repeat(11)}\nok\n`))).toEqual([]);
    expect(decoder.overflowed).toBe(true);
  });
});
