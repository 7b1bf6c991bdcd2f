import { describe, expect, it } from '@jest/globals';
import type { NotificationMessage, ResponseMessage } from './json-rpc.js';
import { PendingCalls } from './pending.js';

const progress = (progressToken: unknown): NotificationMessage => ({ kind: 'notification', method: 'notifications/progress', params: { progressToken, progress: 1 } });
const log: NotificationMessage = { kind: 'notification', method: 'notifications/message', params: { data: 'x' } };
const result = (id: number | string | null): ResponseMessage => ({ kind: 'response', id, reply: { result: { ok: true } } });

describe('PendingCalls', () => {
  it('keeps callers with equal progress tokens apart', () => {
    const calls = new PendingCalls<string>({ maxPending: 10 });
    const first = calls.open('tools/call', { name: 'a', _meta: { progressToken: 1, kept: true } }, 'anna');
    const second = calls.open('tools/call', { name: 'a', _meta: { progressToken: 1 } }, 'bob');
    expect(first).toEqual({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'a', _meta: { progressToken: 1, kept: true } } });
    expect(second).toMatchObject({ id: 2, params: { _meta: { progressToken: 2 } } });
    expect(calls.event(progress(2))).toEqual({ context: 'bob', method: 'notifications/progress', params: { progressToken: 1, progress: 1 } });
    expect(calls.settle(result(2))).toEqual({ context: 'bob', reply: { result: { ok: true } } });
    expect(calls.settle(result(1))?.context).toBe('anna');
    expect(calls.size).toBe(0);
  });

  it('gives back the token exactly, type included', () => {
    const calls = new PendingCalls<string>({ maxPending: 10 });
    const request = calls.open('m', { _meta: { progressToken: 'abc' } }, 'x');
    expect(calls.event(progress(request?.id))?.params['progressToken']).toBe('abc');
  });

  it('drops answers and progress of ids that it never gave, or that are over', () => {
    const calls = new PendingCalls<string>({ maxPending: 10 });
    calls.open('m', {}, 'x');
    expect([calls.settle(result(9)), calls.settle(result('1')), calls.settle(result(null)), calls.event(progress(9)), calls.event(progress(1))]).toEqual([undefined, undefined, undefined, undefined, undefined]);
    calls.settle(result(1));
    expect(calls.settle(result(1))).toBeUndefined();
  });

  it('shows a log message to the caller whose it surely is, else to nobody', () => {
    const calls = new PendingCalls<string>({ maxPending: 10 });
    calls.open('m', {}, 'anna');
    expect(calls.event(log)?.context).toBe('anna');
    calls.open('m', {}, 'bob');
    expect(calls.event(log)).toBeUndefined();
    expect(calls.event(log, 2)?.context).toBe('bob');
  });

  it('refuses more than it may hold, and has room again when one is over', () => {
    const calls = new PendingCalls<string>({ maxPending: 1 });
    expect(calls.open('m', {}, 'a')?.id).toBe(1);
    expect(calls.open('m', {}, 'b')).toBeUndefined();
    expect(calls.close(1)).toBe('a');
    expect(calls.open('m', {}, 'b')?.id).toBe(2);
  });

  it('hands over all who wait when the connection is gone', () => {
    const calls = new PendingCalls<string>({ maxPending: 10 });
    for (const name of ['a', 'b']) calls.open('m', {}, name);
    expect(calls.drain()).toEqual(['a', 'b']);
    expect(calls.size).toBe(0);
  });
});
