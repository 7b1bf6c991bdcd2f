import { describe, expect, it } from '@jest/globals';
import { paramsForLegacy, paramsForModern, toLegacyError, toLegacyResult, toModernError, toModernResult } from './translate.js';

describe('results', () => {
  it('become complete and, when they can be cached, private', () => {
    expect(toModernResult('tools/call', { content: [] })).toEqual({ content: [], resultType: 'complete' });
    expect(toModernResult('tools/list', { tools: [] })).toEqual({ tools: [], resultType: 'complete', ttlMs: 0, cacheScope: 'private' });
  });

  it('never widen what a server says of caching, and never pass its "public" on', () => {
    expect(toModernResult('resources/read', { contents: [], ttlMs: 60_000, cacheScope: 'public' }, { ttlMs: 5_000 })).toMatchObject({ ttlMs: 5_000, cacheScope: 'private' });
    expect(toModernResult('resources/read', { contents: [], ttlMs: 10 }, { ttlMs: 5_000 })).toMatchObject({ ttlMs: 10 });
    expect(toModernResult('resources/read', { contents: [], ttlMs: -1 }, { ttlMs: 5_000 })).toMatchObject({ ttlMs: 5_000 });
  });

  it('keep another type, and carry no cache hints then', () => {
    const asked = { resultType: 'input_required', requestState: 's' };
    expect(toModernResult('resources/read', asked)).toEqual(asked);
  });

  it('lose what the legacy era does not know, and nothing else', () => {
    expect(toLegacyResult({ resultType: 'complete', ttlMs: 1, cacheScope: 'private', tools: [], _meta: { x: 1 } })).toEqual({ tools: [], _meta: { x: 1 } });
  });
});

describe('errors', () => {
  it('say "resource not found" in the words of each era', () => {
    expect(toModernError({ code: -32002, message: 'gone' }, { uri: 'a://b' })).toEqual({ code: -32602, message: 'gone', data: { uri: 'a://b' } });
    expect(toModernError({ code: -32002, message: 'gone', data: { uri: 'x://y', more: 1 } }, { uri: 'a://b' })).toEqual({ code: -32602, message: 'gone', data: { uri: 'x://y', more: 1 } });
    expect(toLegacyError('resources/read', { code: -32602, message: 'gone', data: { uri: 'a://b' } })).toMatchObject({ code: -32002 });
  });

  it('are untouched otherwise', () => {
    const error = { code: -32602, message: 'bad arguments' };
    expect(toModernError(error, undefined)).toBe(error);
    expect(toLegacyError('tools/call', { ...error, data: { uri: 'a' } })).toMatchObject({ code: -32602 });
    expect(toLegacyError('resources/read', error)).toBe(error);
  });
});

describe('params', () => {
  const envelope = { 'io.modelcontextprotocol/protocolVersion': '2026-07-28', 'io.modelcontextprotocol/clientInfo': { name: 'client', version: '1' }, 'io.modelcontextprotocol/clientCapabilities': { sampling: {} }, 'io.modelcontextprotocol/logLevel': 'info' };

  it('reach a legacy server without envelope, with all other metadata', () => {
    const kept = { progressToken: 1, traceparent: 't', 'com.example/x': 1, 'io.modelcontextprotocol/related-task': { taskId: 'x' } };
    expect(paramsForLegacy({ name: 'a', _meta: { ...envelope, ...kept } })).toEqual({ name: 'a', _meta: kept });
    expect(paramsForLegacy({ name: 'a', _meta: envelope })).toEqual({ name: 'a' });
  });

  it('are not copied when there is nothing to strip', () => {
    const params = { name: 'a', _meta: { progressToken: 1 } };
    expect(paramsForLegacy(params)).toBe(params);
  });

  it('reach a modern server with the envelope of our hop, not the client’s', () => {
    const own = { clientInfo: { name: 'gateway', version: '2' }, clientCapabilities: {} };
    expect(paramsForModern({ name: 'a', _meta: { ...envelope, progressToken: 1 } }, own)).toEqual({
      name: 'a',
      _meta: { progressToken: 1, 'io.modelcontextprotocol/protocolVersion': '2026-07-28', 'io.modelcontextprotocol/clientInfo': own.clientInfo, 'io.modelcontextprotocol/clientCapabilities': {}, 'io.modelcontextprotocol/logLevel': 'info' },
    });
  });
});
