import { describe, expect, it } from '@jest/globals';
import { fitting, fittingEvents } from './fitting.js';

const MAX = 10_000;
const answer = (characters: number): string => JSON.stringify({ jsonrpc: '2.0', id: 'x', result: { text: 'x'.repeat(characters) } });

describe('what the bus carries of a stream', () => {
  it('is the message itself when it fits', () => {
    expect(fitting(answer(5_000), MAX)).toBe(answer(5_000));
  });

  it('is an error in the place of an answer that is too large, also when only its quotes make it so', () => {
    const quotes = JSON.stringify({ jsonrpc: '2.0', id: 'x', result: { text: '"'.repeat(2_000) } });
    for (const json of [answer(10_000), quotes]) expect(JSON.parse(fitting(json, MAX) ?? '')).toMatchObject({ id: 'x', error: { code: -32603 } });
  });

  it('is nothing of another message that is too large', () => {
    expect(fitting(JSON.stringify({ jsonrpc: '2.0', method: 'notifications/message', params: { data: 'x'.repeat(10_000) } }), MAX)).toBeUndefined();
  });

  it('is as many events as go into one message, and at least one', () => {
    const events = [1, 2, 3].map((number) => ({ number, json: answer(4_000) }));
    expect(fittingEvents(events, MAX).map(({ number }) => number)).toEqual([1]);
    expect(fittingEvents(events, 20_000).map(({ number }) => number)).toEqual([1, 2, 3]);
    expect(fittingEvents([], MAX)).toEqual([]);
  });
});
