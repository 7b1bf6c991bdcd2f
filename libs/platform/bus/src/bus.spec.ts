import { MessageChannel } from 'node:worker_threads';
import { rpc } from '@mcpgw/contracts';
import { busContract, startNatsServer, until, type BusPair, type NatsServer } from '@mcpgw/testing';
import { z } from 'zod';
import type { Bus } from './bus.js';
import { MemoryBus } from './memory-bus.js';
import { connectNatsBus } from './nats-bus.js';
import { ThreadBus } from './thread-bus.js';

const echo = rpc({ subject: 'echo.v1.say', request: z.object({ text: z.string() }), reply: z.object({ text: z.string() }), timeoutMs: 2_000 });
const flush = rpc({ subject: 'flush.v1.now', request: z.object({}), reply: z.object({}) });
const never = rpc({ subject: 'never.v1.answer', request: z.object({}), reply: z.object({}), timeoutMs: 10_000 });

describe('memory driver', () => {
  busContract(async (): Promise<BusPair> => {
    const bus = new MemoryBus();
    return { caller: bus, server: bus, settled: async () => {}, close: () => bus.close() };
  });
});

describe('thread driver', () => {
  busContract(async (): Promise<BusPair> => {
    const { port1, port2 } = new MessageChannel();
    const [caller, server] = [new ThreadBus(port1), new ThreadBus(port2)];
    const turn = rpc({ subject: 'turn.v1.over', request: z.object({}), reply: z.object({}) });
    const subscription = caller.handle(turn, async () => ({}));
    await until('the ends know each other', () => server.request(turn, {}));
    return {
      caller,
      server,
      // Messages keep their order: the answer to this one comes after everything the server said before.
      settled: async () => void (await server.request(turn, {})),
      close: async () => {
        await subscription.close();
        await Promise.all([caller.close(), server.close()]);
      },
    };
  });
});

describe('nats driver', () => {
  let nats: NatsServer;
  const opened: Bus[] = [];
  const open = async (name: string): Promise<Bus> => {
    const bus = await connectNatsBus({ url: nats.url, name, onFault: () => {}, onWaiting: () => {} });
    opened.push(bus);
    return bus;
  };
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((bus) => bus.close()));
  });
  beforeAll(async () => {
    nats = await startNatsServer();
  });
  afterAll(() => nats.stop());

  busContract(async (): Promise<BusPair> => {
    const [caller, server] = await Promise.all([open('caller'), open('server')]);
    return {
      caller,
      server,
      // A request that the server's own connection makes comes back after everything it sent before.
      settled: async () => {
        const subscription = server.handle(flush, async () => ({}));
        await server.request(flush, {});
        await subscription.close();
        await server.request(flush, {}).catch(() => {});
      },
      close: async () => {
        await Promise.all([caller.close(), server.close()]);
      },
    };
  });

  it('says so when a message is larger than the server takes', async () => {
    const bus = await open('large');
    await expect(bus.request(echo, { text: 'x'.repeat(9_000_000) })).rejects.toMatchObject({ code: 'payload_too_large' });
  });

  it('says that it waits for a server that is not there, and stops when told to', async () => {
    const said: string[] = [];
    const abort = new AbortController();
    const opening = connectNatsBus({ url: 'nats://127.0.0.1:1', name: 'early', onFault: () => {}, onWaiting: (message) => (said.push(message), abort.abort(new Error('enough'))), signal: abort.signal });
    await expect(opening).rejects.toThrow('enough');
    expect(said[0]).toMatch(/Waiting for NATS at nats:\/\/127\.0\.0\.1:1/);
  });

  it('comes back after the server was killed and tells who wants to know', async () => {
    const port = Number(new URL(nats.url).port);
    const [caller, server] = await Promise.all([open('caller'), open('server')]);
    server.handle(never, () => new Promise(() => {}));
    server.handle(echo, async (payload) => payload);
    // A connection's subscriptions reach the server in order: once this one is answered, the other is there too.
    await until('the handlers are there', () => caller.request(echo, { text: 'hello' }));
    const reconnected = Promise.all([caller, server].map((bus) => new Promise<void>((resolve) => bus.onReconnect(resolve))));
    const cut = caller.request(never, {}).catch((error: unknown) => error);
    await caller.request(echo, { text: 'both are at the server' });
    await nats.stop('SIGKILL');
    expect(await cut).toMatchObject({ code: 'connection_lost' });
    while (caller.problem() === undefined) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(caller.problem()).toMatch(/lost; reconnecting/);
    const began = performance.now();
    await expect(caller.request(echo, { text: 'into the void' })).rejects.toMatchObject({ code: 'unavailable' });
    expect(performance.now() - began).toBeLessThan(100);
    nats = await startNatsServer({ port });
    await reconnected;
    expect(caller.problem()).toBeUndefined();
    // The two connections come back one after the other: the handler may be there a moment later than its caller.
    const again = await until('the handler is there again', () => caller.request(echo, { text: 'again' }));
    expect(again).toEqual({ text: 'again' });
  }, 20_000);
});
