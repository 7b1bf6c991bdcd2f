import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { readMessage } from './json-rpc.js';

describe('readMessage', () => {
  it('tells requests, notifications and responses apart', () => {
    expect(readMessage({ jsonrpc: '2.0', id: 0, method: 'ping' })).toEqual({ kind: 'request', id: 0, method: 'ping', params: undefined });
    expect(readMessage({ jsonrpc: '2.0', id: 'a', method: 'm', params: { x: 1 } })).toEqual({ kind: 'request', id: 'a', method: 'm', params: { x: 1 } });
    expect(readMessage({ jsonrpc: '2.0', method: 'n' })).toEqual({ kind: 'notification', method: 'n', params: undefined });
    expect(readMessage({ jsonrpc: '2.0', id: 1, result: { ok: true } })).toEqual({ kind: 'response', id: 1, reply: { result: { ok: true } } });
    expect(readMessage({ jsonrpc: '2.0', id: null, error: { code: -32700, message: 'x' } })).toEqual({ kind: 'response', id: null, reply: { error: { code: -32700, message: 'x' } } });
  });

  // users-and-attackers.md, tests 8 and 9.
  it.each([
    ['a key in another case', { jsonrpc: '2.0', id: 1, method: 'tools/list', Method: 'tools/call' }],
    ['a key that folds to a known one', { jsonrpc: '2.0', id: 1, method: 'tools/list', ["param\u017f"]: {} }],
    ['a missing version', { id: 1, method: 'm' }],
    ['another version', { jsonrpc: '1.0', id: 1, method: 'm' }],
    ['a fractional id', { jsonrpc: '2.0', id: 1.5, method: 'm' }],
    ['an object as id', { jsonrpc: '2.0', id: {}, method: 'm' }],
    ['a null id on a call', { jsonrpc: '2.0', id: null, method: 'm' }],
    ['an endless id', { jsonrpc: '2.0', id: 'x'.repeat(1_025), method: 'm' }],
    ['an empty method', { jsonrpc: '2.0', id: 1, method: '' }],
    ['positional params', { jsonrpc: '2.0', id: 1, method: 'm', params: [] }],
    ['null params', { jsonrpc: '2.0', id: 1, method: 'm', params: null }],
    ['method and result', { jsonrpc: '2.0', id: 1, method: 'm', result: {} }],
    ['result and error', { jsonrpc: '2.0', id: 1, result: {}, error: { code: 1, message: '' } }],
    ['neither', { jsonrpc: '2.0', id: 1 }],
    ['a result without id', { jsonrpc: '2.0', result: {} }],
    ['a result that is no object', { jsonrpc: '2.0', id: 1, result: [] }],
    ['an error without code', { jsonrpc: '2.0', id: 1, error: { message: 'x' } }],
    ['a string', 'tools/call'],
    ['null', null],
  ])('refuses %s', (_name, value) => {
    expect(readMessage(value)).toMatchObject({ kind: 'invalid', reason: expect.any(String) });
  });

  it('refuses a batch as a whole, whatever is in it', () => {
    expect(readMessage([{ jsonrpc: '2.0', id: 1, method: 'tools/call' }])).toEqual({ kind: 'batch', size: 1 });
  });

  it('keeps the id of a request that it refuses, so that the error can be correlated', () => {
    expect(readMessage({ jsonrpc: '2.0', id: 7, method: 'm', params: 3 })).toMatchObject({ kind: 'invalid', id: 7 });
  });

  it('never throws', () => {
    fc.assert(fc.property(fc.jsonValue(), (value) => void readMessage(value)));
  });
});
