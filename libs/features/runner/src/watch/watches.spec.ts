import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { RUNNER_WATCH_MS, type OrganizationName, type ServerName } from '@mcpgw/contracts';
import { Watches } from './watches.js';

const files = { organization: 'acme' as OrganizationName, server: 'files' as ServerName };

describe('Watches', () => {
  let now = 0;
  let watches: Watches;
  const applied: string[][] = [];

  beforeEach(() => {
    now = 0;
    applied.length = 0;
    watches = new Watches((_organization, _server, uris) => void applied.push([...uris].sort()), { now: () => now, monotonicUs: () => now * 1_000 });
  });
  afterEach(() => watches.close());

  it('applies what all edges watch together, each edge replacing its own', () => {
    watches.set({ ...files, edge: 'a', uris: ['note://1', 'note://2'] });
    watches.set({ ...files, edge: 'b', uris: ['note://2', 'note://3'] });
    watches.set({ ...files, edge: 'a', uris: ['note://1'] });
    expect(applied.at(-1)).toEqual(['note://1', 'note://2', 'note://3']);
    watches.set({ ...files, edge: 'b', uris: [] });
    expect(applied.at(-1)).toEqual(['note://1']);
  });

  it('forgets an edge that has not repeated itself, and what it alone watched', () => {
    watches.set({ ...files, edge: 'gone', uris: ['note://1'] });
    watches.set({ ...files, edge: 'here', uris: ['note://2'] });
    now = 2 * RUNNER_WATCH_MS;
    watches.set({ ...files, edge: 'here', uris: ['note://2'] });
    now = 3 * RUNNER_WATCH_MS;
    watches.sweep();
    expect(applied.at(-1)).toEqual(['note://1', 'note://2']);
    now += 1;
    watches.sweep();
    expect(applied.at(-1)).toEqual(['note://2']);
  });

  it('says nothing of an edge that never watched', () => {
    watches.set({ ...files, edge: 'a', uris: [] });
    expect(applied).toEqual([]);
  });

  it('is bounded in all that is watched of one server', () => {
    for (let edge = 0; edge < 5; edge++) watches.set({ ...files, edge: `${edge}`, uris: Array.from({ length: 1_000 }, (_, n) => `note://${edge}/${n}`) });
    expect(applied.at(-1)).toHaveLength(4_096);
  });
});
