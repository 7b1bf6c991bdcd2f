import { describe, expect, it } from '@jest/globals';
import { afterSend, beforeSend, RESEND_WINDOW_MS } from './after-send.js';
import type { OutboxEvent } from './meter-provider.js';

const NOW = Date.parse('2026-11-22T12:00:00Z');
const event = (over: Partial<OutboxEvent> = {}): OutboxEvent => ({
  identifier: 'acme:mcpgw_calls:20261122T09:1',
  organization: 'acme',
  meter: 'mcpgw_calls',
  customer: 'cus_1',
  value: 3,
  hourMs: NOW - 3 * 3_600_000,
  attempts: 0,
  uncertainSinceMs: undefined,
  ...over,
});

describe('before a try', () => {
  it('lets an event go whose first unanswered try is less than a day ago', () => {
    expect(beforeSend(event({ uncertainSinceMs: NOW - RESEND_WINDOW_MS + 1 }), NOW)).toBeUndefined();
  });

  it('never sends again what Stripe may have taken and has forgotten', () => {
    expect(beforeSend(event({ uncertainSinceMs: NOW - RESEND_WINDOW_MS }), NOW)).toMatchObject({ state: 'needs_reconcile', problem: expect.stringContaining('forgotten its identifier') });
  });

  it('hands usage older than 35 days to a person', () => {
    expect(beforeSend(event({ hourMs: NOW - 35 * 86_400_000 }), NOW)).toMatchObject({ state: 'needs_reconcile', problem: expect.stringContaining('35 days') });
  });

  it('keeps an hour that has not begun until it has', () => {
    const hourMs = NOW + 3_600_000;
    expect(beforeSend(event({ hourMs }), NOW)).toMatchObject({ state: 'pending', nextTryMs: hourMs });
  });
});

describe('after a try', () => {
  it('a lost answer leaves the event pending and starts its day', () => {
    expect(afterSend(event(), { kind: 'lost', reason: 'x' }, NOW)).toEqual({ state: 'pending', uncertainSinceMs: NOW, nextTryMs: NOW + 5_000, problem: 'x' });
    expect(afterSend(event({ uncertainSinceMs: NOW - 9 }), { kind: 'lost', reason: 'x' }, NOW).uncertainSinceMs).toBe(NOW - 9);
  });

  it.each(['refused', 'unauthorized'] as const)('%s: not taken, so no day runs', (kind) => {
    expect(afterSend(event(), { kind, reason: 'x' }, NOW)).toMatchObject({ state: 'pending', uncertainSinceMs: undefined, problem: 'x' });
  });

  it('a duplicate after a lost answer is what was hoped for', () => {
    expect(afterSend(event({ uncertainSinceMs: NOW - 60_000, attempts: 1 }), { kind: 'duplicate' }, NOW).state).toBe('sent');
  });

  it('a duplicate of what was never sent is somebody else, and goes to a person', () => {
    expect(afterSend(event(), { kind: 'duplicate' }, NOW)).toMatchObject({ state: 'needs_reconcile', problem: expect.stringContaining('another installation') });
  });

  it('waits as long as Stripe asks, within reason', () => {
    const next = (retryAfterMs: number): number => (afterSend(event(), { kind: 'busy', reason: 'x', retryAfterMs }, NOW).nextTryMs ?? 0) - NOW;
    expect(next(120_000)).toBe(120_000);
    expect(next(86_400_000)).toBe(3_600_000);
  });

  it('tries less and less often, at least every quarter of an hour', () => {
    const delay = (attempts: number): number => (afterSend(event({ attempts }), { kind: 'refused', reason: 'x' }, NOW).nextTryMs ?? 0) - NOW;
    expect([0, 1, 2, 50].map(delay)).toEqual([5_000, 10_000, 20_000, 900_000]);
  });
});
