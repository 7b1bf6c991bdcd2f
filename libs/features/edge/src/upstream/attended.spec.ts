import { afterEach, describe, expect, it } from '@jest/globals';
import { Bench, call, echo, eventStream, until, type Heard } from './testing/bench.js';
import type { Handler } from './testing/stub-server.js';

const bench = new Bench();
afterEach(() => bench.close());

const { organization, server: name } = call();

describe('A server that nobody calls and somebody listens to', () => {
  it.each<[string, 'legacy' | 'modern']>([
    ['a legacy server has its GET stream open', 'legacy'],
    ['a modern server is listened to', 'modern'],
  ])('%s, tells of what changed since its discovery and of what changes', async (_what, era) => {
    const heard: Heard = { lists: 0, uris: [] };
    let change = (): void => undefined;
    const open: Handler = (_rpc, response) => {
      const send = eventStream(response);
      if (era === 'modern') send({ method: 'notifications/subscriptions/acknowledged', params: { notifications: {} } });
      change = () => send({ method: 'notifications/tools/list_changed' });
    };
    const server = await bench.stub(echo, { GET: open, 'subscriptions/listen': open });
    const made = bench.upstreams(server.url, { heard, target: { era, capabilities: { tools: { listChanged: true } } }, limits: { idleMs: 0 } });
    made.attend(organization, name, true);
    await until(() => heard.lists === 1, 'the stream');
    made.sweep();
    change();
    await until(() => heard.lists === 2, 'the change');
    expect(server.methods()).not.toContain('tools/call');
    made.attend(organization, name, false);
    made.sweep();
    expect(made.sizes.servers).toBe(0);
  });
});
