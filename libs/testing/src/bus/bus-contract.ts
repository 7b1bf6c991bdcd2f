import { event, GatewayError, rpc } from '@mcpgw/contracts';
import type { Bus } from '@mcpgw/platform-bus';
import { z } from 'zod';

const double = rpc({ subject: 'calculator.v1.double', request: z.object({ value: z.int() }), reply: z.object({ value: z.int() }), timeoutMs: 2_000 });
const rang = event({ subject: 'bell.v1.rang', payload: z.object({ times: z.int() }) });

/** A started bus shared by two parties that know nothing of each other. */
export interface BusPair {
  readonly caller: Bus;
  readonly server: Bus;
  /** Resolves when what `server` subscribed to has reached the broker. */
  settled(): Promise<void>;
  close(): Promise<void>;
}

/** What every driver of the Bus must do. Call inside `describe`. */
export function busContract(open: () => Promise<BusPair>): void {
  let pair: BusPair;
  beforeEach(async () => {
    pair = await open();
  });
  afterEach(() => pair.close());

  it('carries a request to a handler and its reply back', async () => {
    pair.server.handle(double, async ({ value }) => ({ value: value * 2 }));
    await pair.settled();
    await expect(pair.caller.request(double, { value: 21 })).resolves.toEqual({ value: 42 });
  });

  it('answers `unavailable` at once when nobody handles the subject', async () => {
    const began = performance.now();
    await expect(pair.caller.request(double, { value: 1 })).rejects.toMatchObject({ code: 'unavailable' });
    expect(performance.now() - began).toBeLessThan(1_000);
  });

  it('passes a GatewayError on with its code, message and data', async () => {
    pair.server.handle(double, async () => {
      throw new GatewayError('conflict', 'The value is taken.', { data: { value: 1 } });
    });
    await pair.settled();
    await expect(pair.caller.request(double, { value: 1 })).rejects.toMatchObject({ code: 'conflict', message: 'The value is taken.', data: { value: 1 } });
  });

  it('keeps the message of any other fault back', async () => {
    pair.server.handle(double, async () => {
      throw new Error('password is hunter2');
    });
    await pair.settled();
    const fault = await pair.caller.request(double, { value: 1 }).catch((error: unknown) => error as GatewayError);
    expect(fault).toMatchObject({ code: 'internal' });
    expect(String((fault as GatewayError).message)).not.toContain('hunter2');
  });

  it('refuses a malformed request before it is sent, and a malformed reply', async () => {
    pair.server.handle(double, async () => ({ value: 'many' }) as unknown as { value: number });
    await pair.settled();
    await expect(pair.caller.request(double, { value: 1.5 })).rejects.toMatchObject({ code: 'invalid_request' });
    await expect(pair.caller.request(double, { value: 1 })).rejects.toMatchObject({ code: 'invalid_request' });
  });

  it('ends a request at its deadline and when its caller aborts', async () => {
    pair.server.handle(double, () => new Promise(() => {}));
    await pair.settled();
    await expect(pair.caller.request(double, { value: 1 }, { timeoutMs: 30 })).rejects.toMatchObject({ code: 'timeout' });
    const abort = new AbortController();
    const request = pair.caller.request(double, { value: 1 }, { signal: abort.signal });
    abort.abort();
    await expect(request).rejects.toMatchObject({ code: 'cancelled' });
  });

  it('gives each request to exactly one of several handlers', async () => {
    const served: number[] = [];
    for (const name of [1, 2, 3]) {
      pair.server.handle(double, async ({ value }) => {
        served.push(name);
        return { value };
      });
    }
    await pair.settled();
    await Promise.all(Array.from({ length: 60 }, (_, value) => pair.caller.request(double, { value })));
    expect(served).toHaveLength(60);
    expect(new Set(served).size).toBeGreaterThan(1);
  });

  it('reaches one instance by its suffix', async () => {
    pair.server.handle(double, async () => ({ value: 1 }), { as: 'one' });
    pair.server.handle(double, async () => ({ value: 2 }), { as: 'two' });
    await pair.settled();
    await expect(pair.caller.request(double, { value: 0 }, { to: 'two' })).resolves.toEqual({ value: 2 });
    await expect(pair.caller.request(double, { value: 0 }, { to: 'three' })).rejects.toMatchObject({ code: 'unavailable' });
  });

  it('shows an event to every subscriber, and survives one that throws', async () => {
    const heard: string[] = [];
    const both = new Promise<void>((resolve) => {
      const hear = (who: string) => (): void => {
        heard.push(who);
        if (heard.length === 2) resolve();
      };
      pair.server.subscribe(rang, hear('first'));
      pair.server.subscribe(rang, () => {
        throw new Error('deaf');
      });
      pair.server.subscribe(rang, hear('second'));
    });
    await pair.settled();
    pair.caller.publish(rang, { times: 1 });
    await both;
    expect(heard.sort()).toEqual(['first', 'second']);
  });

  it('hands over copies, never shared objects', async () => {
    const seen: { value: number }[] = [];
    pair.server.handle(double, async (payload) => {
      seen.push(payload);
      return payload;
    });
    await pair.settled();
    const mine = { value: 1 };
    const reply = await pair.caller.request(double, mine);
    expect(seen[0]).toEqual(mine);
    expect(seen[0]).not.toBe(mine);
    expect(reply).not.toBe(seen[0]);
  });

  it('takes no more requests after a subscription is closed, and finishes the one under way', async () => {
    let finish: (() => void) | undefined;
    const started = Promise.withResolvers<void>();
    const subscription = pair.server.handle(double, async ({ value }) => {
      started.resolve();
      await new Promise<void>((resolve) => (finish = resolve));
      return { value };
    });
    await pair.settled();
    const underWay = pair.caller.request(double, { value: 7 });
    await started.promise;
    const closed = subscription.close();
    finish?.();
    await closed;
    await expect(underWay).resolves.toEqual({ value: 7 });
    await pair.settled();
    await expect(pair.caller.request(double, { value: 1 })).rejects.toMatchObject({ code: 'unavailable' });
  });
}
