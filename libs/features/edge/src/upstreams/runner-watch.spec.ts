import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { runnerWatch, type OrganizationName, type ServerName } from '@mcpgw/contracts';
import { MemoryBus } from '@mcpgw/platform-bus';
import type { z } from 'zod';
import { RunnerWatch } from './runner-watch.js';

const ACME = 'acme' as OrganizationName;
const FILES = 'files' as ServerName;

describe('RunnerWatch', () => {
  let bus: MemoryBus;
  let watch: RunnerWatch;
  let reconnect: (() => void) | undefined;
  const told: z.output<typeof runnerWatch.payload>[] = [];

  beforeEach(() => {
    told.length = 0;
    bus = new MemoryBus();
    // The memory bus never loses its connection.
    bus = Object.assign(bus, { onReconnect: (listener: () => void) => ((reconnect = listener), () => undefined) });
    bus.subscribe(runnerWatch, (payload) => void told.push(payload));
    watch = new RunnerWatch(bus, 'edge-1');
    watch.start();
  });
  afterEach(async () => {
    watch.close();
    await bus.close();
  });

  const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  const uris = (): readonly (readonly string[])[] => told.map((payload) => payload.uris);

  it('tells the runners the whole set, once for many changes of one moment', async () => {
    watch.watch(ACME, FILES, 'note://1');
    watch.watch(ACME, FILES, 'note://2');
    watch.watch(ACME, 'crm' as ServerName, 'crm://1');
    await settled();
    expect(told).toEqual([
      { organization: ACME, server: FILES, edge: 'edge-1', uris: ['note://1', 'note://2'] },
      { organization: ACME, server: 'crm', edge: 'edge-1', uris: ['crm://1'] },
    ]);
  });

  it('counts: the last one to stop watching ends it, and stopping twice counts once', async () => {
    const [first, second] = [watch.watch(ACME, FILES, 'note://1'), watch.watch(ACME, FILES, 'note://1')];
    await settled();
    first();
    first();
    await settled();
    expect(uris()).toEqual([['note://1']]);
    second();
    await settled();
    expect(uris()).toEqual([['note://1'], []]);
    const again = watch.watch(ACME, FILES, 'note://1');
    second();
    await settled();
    expect(uris().at(-1)).toEqual(['note://1']);
    again();
  });

  it('tells again what it watches when the bus is back', async () => {
    watch.watch(ACME, FILES, 'note://1');
    await settled();
    reconnect?.();
    await settled();
    expect(uris()).toEqual([['note://1'], ['note://1']]);
  });

  it('is bounded for each server by number and by size; beyond, nothing is watched and nothing breaks', async () => {
    for (let n = 0; n < 1_100; n++) watch.watch(ACME, FILES, `note://${n}`);
    const long = watch.watch(ACME, 'long' as ServerName, 'x'.repeat(4_097));
    for (let n = 0; n < 100; n++) watch.watch(ACME, 'large' as ServerName, `${n}${'x'.repeat(4_000)}`);
    long();
    await settled();
    expect(told.map(({ server, uris: sent }) => [server, sent.length])).toEqual([
      ['files', 1_024],
      ['large', 65],
    ]);
  });

  it('watches nothing any more once it is closed', async () => {
    watch.watch(ACME, FILES, 'note://1');
    await settled();
    watch.close();
    await settled();
    expect(uris()).toEqual([['note://1'], []]);
  });
});
