import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { NO_CAPABILITIES } from '@mcpgw/core-mcp-wire';
import { MemoryBus } from '@mcpgw/platform-bus';
import { Health, KeyFiles, type Clock } from '@mcpgw/platform-runtime';
import { edgeConfig, type EdgeConfig } from '../edge.config.js';
import { until } from '../edge.fixture.js';
import { Sessions, type OpenSession } from './sessions.js';

const directory = mkdtempSync(path.join(tmpdir(), 'sessions-spec-'));
const keyFiles = new KeyFiles(directory);
const SECOND = 1_000;
const MINUTE = 60_000;

class TestClock implements Clock {
  nowMs = 1_000_000_000_000;
  now(): number {
    return this.nowMs;
  }
  monotonicUs(): number {
    return this.nowMs * 1_000;
  }
}

describe('sessions', () => {
  let bus: MemoryBus;
  let clock: TestClock;
  let edges: Sessions[];
  let count = 0;

  beforeEach(() => {
    bus = new MemoryBus();
    clock = new TestClock();
    edges = [];
  });
  afterEach(async () => {
    await Promise.all(edges.map((edge) => edge.onApplicationShutdown()));
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  function edge(settings: Partial<EdgeConfig> = {}): Sessions {
    const sessions = new Sessions(edgeConfig.parse({ dataDir: directory, ...settings }), keyFiles, bus, new Health('edge', `edge-${++count}`, new Date()), clock);
    sessions.onModuleInit();
    edges.push(sessions);
    return sessions;
  }

  /** So long after the start of the edges that they can't have missed what begins now. */
  function later(): void {
    clock.nowMs += MINUTE;
  }

  function begin(at: Sessions, subject = 'anna'): string {
    const token = at.begin({ subject, protocolVersion: '2025-11-25', clientName: 'spec', capabilities: NO_CAPABILITIES });
    if (token === undefined) throw new Error('There is no room for a session.');
    return token;
  }

  async function open(at: Sessions, token: string, subject = 'anna'): Promise<OpenSession> {
    const session = await at.open(token, subject);
    if (!session) throw new Error('The session is unknown.');
    return session;
  }

  it('are served by every edge with what was set in them at any other', async () => {
    const [a, b] = [edge(), edge()];
    const token = begin(a);
    const atA = await open(a, token);
    await a.setLogLevel(atA, 'error');
    await a.watch(atA, { route: '', uri: 'note://1' });
    const atB = await open(b, token);
    // At once: the client's next request may go to any edge.
    expect(b.logLevel(atB)).toBe('error');
    expect(atB.state.watched).toEqual([{ route: '', uri: 'note://1' }]);
    await b.unwatch(atB, { route: '', uri: 'note://1' });
    expect(atA.state.watched).toEqual([]);
  });

  it('wait for no edge that is gone', async () => {
    const [a, b] = [edge(), edge()];
    const session = await open(a, begin(a));
    await a.setLogLevel(session, 'error');
    await b.onApplicationShutdown();
    await a.setLogLevel(session, 'debug');
    const before = performance.now();
    for (let i = 0; i < 20; i++) await a.setLogLevel(session, 'error');
    expect(performance.now() - before).toBeLessThan(250);
  });

  it('are asked about when an edge comes later than they did', async () => {
    const a = edge();
    const token = begin(a);
    await a.setLogLevel(await open(a, token), 'warning');
    later();
    const b = edge();
    expect(b.logLevel(await open(b, token))).toBe('warning');
  });

  it('of a time when nobody was there go on with nothing set', async () => {
    const token = begin(edge());
    await edges.pop()?.onApplicationShutdown();
    later();
    const session = await open(edge(), token);
    expect(session.state.watched).toEqual([]);
  });

  it('that nobody knows although somebody should are unknown', async () => {
    const a = edge();
    later();
    const elsewhere = new Sessions(edgeConfig.parse({ dataDir: directory }), keyFiles, new MemoryBus(), new Health('edge', 'cut-off', new Date()), clock);
    expect(await a.open(begin(elsewhere), 'anna')).toBeUndefined();
  });

  it('end at every edge with their DELETE, also at one that starts later', async () => {
    const [a, b] = [edge(), edge()];
    const token = begin(a);
    const ended: string[] = [];
    b.listen({ sessionEnded: (id) => ended.push(id), sessionChanged: () => undefined });
    const session = await open(a, token);
    await a.end(session);
    expect(ended).toEqual([session.id]);
    expect(await b.open(token, 'anna')).toBeUndefined();
    expect(await edge().open(token, 'anna')).toBeUndefined();
  });

  it('are nobody else\'s', async () => {
    const a = edge();
    expect(await a.open(begin(a), 'bert')).toBeUndefined();
  });

  it('end when they have not been used for long enough, and not before', async () => {
    const a = edge({ sessionIdleSeconds: 60 });
    later();
    const [used, unused] = [begin(a), begin(a)];
    clock.nowMs += 50 * SECOND;
    await open(a, used);
    clock.nowMs += 20 * SECOND;
    a.sweep();
    await open(a, used);
    expect(await a.open(unused, 'anna')).toBeUndefined();
  });

  it('do not end for want of use while something of them is open, at no edge', async () => {
    const [a, b] = [edge({ sessionIdleSeconds: 60 }), edge({ sessionIdleSeconds: 60 })];
    const token = begin(a);
    const release = a.hold(await open(a, token));
    for (let i = 0; i < 10; i++) {
      clock.nowMs += 15 * SECOND;
      a.sweep();
      b.sweep();
    }
    await open(b, token);
    release();
  });

  it('make room, longest unused first, and say so to all edges', async () => {
    const [a, b] = [edge({ maxSessions: 3 }), edge({ maxSessions: 3 })];
    later();
    const tokens: string[] = [];
    for (let i = 0; i < 3; i++) {
      tokens.push(begin(a, `owner-${i}`));
      clock.nowMs += 2 * SECOND;
    }
    await open(a, tokens[0] as string, 'owner-0');
    begin(a, 'newcomer');
    await until(async () => (await b.open(tokens[1] as string, 'owner-1')) === undefined);
    await open(b, tokens[0] as string, 'owner-0');
    expect(await a.open(tokens[1] as string, 'owner-1')).toBeUndefined();
  });

  it('of one principal are crowded out by its own only', async () => {
    const a = edge({ maxSessionsPerPrincipal: 2 });
    later();
    const other = begin(a, 'bert');
    const first = begin(a);
    begin(a);
    begin(a);
    expect(await a.open(first, 'anna')).toBeUndefined();
    await open(a, other, 'bert');
  });

  it('that are in use are not crowded out: a new one is refused', async () => {
    const a = edge({ maxSessions: 1 });
    const release = a.hold(await open(a, begin(a)));
    expect(a.begin({ subject: 'bert', protocolVersion: '2025-11-25', clientName: undefined, capabilities: NO_CAPABILITIES })).toBeUndefined();
    release();
    begin(a, 'bert');
  });

  it('that are in use at another edge survive being crowded out', async () => {
    const [a, b] = [edge({ maxSessionsPerPrincipal: 1 }), edge({ maxSessionsPerPrincipal: 1 })];
    later();
    const token = begin(a);
    await until(() => !(b.open(token, 'anna') instanceof Promise));
    const release = b.hold(await open(b, token));
    begin(a);
    await open(b, token);
    await until(async () => (await a.open(token, 'anna')) !== undefined);
    release();
  });

  it('are subscribed to a bounded number of resources', async () => {
    const a = edge();
    const session = await open(a, begin(a));
    for (let i = 0; i < 256; i++) expect(await a.watch(session, { route: '', uri: `note://${i}` })).toBe(true);
    expect(await a.watch(session, { route: '', uri: 'note://one-more' })).toBe(false);
    expect(await a.watch(session, { route: '', uri: 'note://0' })).toBe(true);
    const long = await open(a, begin(a));
    expect(await Promise.all([1, 2, 3].map((i) => a.watch(long, { route: '', uri: `note://${i}${'x'.repeat(3_000)}` })))).toEqual([true, true, false]);
    expect(JSON.stringify(long.state.state()).length).toBeLessThan(10_240);
  });

  it('that begin a hundred thousand times and never end leave memory flat', async () => {
    const a = edge({ maxSessions: 1_000, maxSessionsPerPrincipal: 500 });
    setFlagsFromString('--expose-gc');
    const gc = runInNewContext('gc') as () => void;
    const heap = (): number => {
      gc();
      return process.memoryUsage().heapUsed;
    };
    const beginMany = async (times: number): Promise<void> => {
      for (let i = 0; i < times; i++) {
        begin(a, `owner-${i % 50}`);
        // The bus delivers once this turn is over.
        if (i % 100 === 0) await nextTurn();
      }
    };
    await beginMany(20_000);
    const before = heap();
    await beginMany(80_000);
    expect(a.size).toBe(1_000);
    expect(heap() - before).toBeLessThan(4 * 1_048_576);
  }, 30_000);
});
