import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from '@jest/globals';
import { asker, Bench, call, echo, eventStream, never, until } from './testing/bench.js';
import { json, type Handler } from './testing/stub-server.js';

const bench = new Bench();
afterEach(() => bench.close());

type Response = Parameters<Handler>[1];

/** Writes the chunk for as long as anybody reads; says how many bytes went out and when it was cut off. */
function endless(response: Response, chunk: string): { readonly sent: () => number; readonly cut: () => boolean } {
  let sent = 0;
  let cut = false;
  response.on('close', () => (cut = true));
  const pump = (): void => {
    while (!cut) {
      sent += chunk.length;
      if (sent > 1_024 ** 3) return void response.end();
      if (!response.write(chunk)) return void response.once('drain', pump);
    }
  };
  pump();
  return { sent: () => sent, cut: () => cut };
}

const result = (id: unknown, value: object = { content: [] }): object => ({ jsonrpc: '2.0', id, result: value });

describe.each(['legacy', 'modern'] as const)('A hostile HTTP server of the %s era', (era) => {
  /** The next call fails or not as `misbehave` has it, and the one after it works. */
  async function once(misbehave: Handler): Promise<unknown> {
    let bad = true;
    const server = await bench.stub((rpc, response, request) => (bad ? misbehave : echo)(rpc, response, request));
    const made = bench.upstreams(server.url, { target: { era } });
    const outcome = await made.invoke(call(), never).catch((error: unknown) => error);
    bad = false;
    expect(await made.invoke(call(), never)).toHaveProperty('result');
    return outcome;
  }

  // users-and-attackers.md, test 12: nothing that a server sends makes the gateway hold more than its bound.
  it.each<[string, (response: Response) => ReturnType<typeof endless>]>([
    ['a body of 1 GB', (response) => endless(response.writeHead(200, { 'content-type': 'application/json' }), 'x'.repeat(65_536))],
    ['an event that never ends', (response) => endless(response.writeHead(200, { 'content-type': 'text/event-stream' }), `data: ${'x'.repeat(65_536)}`)],
    ['an event stream that never ends', (response) => endless(response.writeHead(200, { 'content-type': 'text/event-stream' }), `data: {"jsonrpc":"2.0","method":"notifications/message","params":{}}\n\n: ${'x'.repeat(65_536)}\n\n`)],
  ])('is cut off after %s at the bound', async (_what, flood) => {
    let pump: ReturnType<typeof endless> | undefined;
    const outcome = await once((_rpc, response) => (pump = flood(response)));
    expect(outcome).toMatchObject({ code: 'upstream_lost', message: expect.stringContaining('8388608 bytes') });
    await until(() => pump?.cut() === true, 'the cut connection');
    expect(pump?.sent()).toBeLessThan(64 * 1_024 ** 2);
  });

  it('gets compressed answers neither asked for nor unpacked', async () => {
    let accepted: unknown;
    const outcome = await once((rpc, response, request) => {
      accepted = request.headers['accept-encoding'];
      response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' }).end(gzipSync(JSON.stringify(result(rpc.id, { text: 'x'.repeat(50_000_000) }))));
    });
    expect(accepted).toBe('identity');
    expect(outcome).toMatchObject({ code: 'upstream_lost', message: expect.stringContaining('compressed') });
  });

  const nested = (id: unknown): string => `{"jsonrpc":"2.0","id":${String(id)},"result":{"a":${'['.repeat(200_000)}${']'.repeat(200_000)}}}`;

  // What renders such an answer must cope with it too: call-tool/hostile-upstream.spec.ts.
  it.each<[string, Handler, object]>([
    ['in a JSON body', (rpc, response) => void response.writeHead(200, { 'content-type': 'application/json' }).end(nested(rpc.id)), { result: {} }],
    ['in an event', (rpc, response) => void response.writeHead(200, { 'content-type': 'text/event-stream' }).end(`data: ${nested(rpc.id)}\n\n`), { result: {} }],
    ['that are never closed', (_rpc, response) => void response.writeHead(200, { 'content-type': 'application/json' }).end('['.repeat(200_000)), { code: 'upstream_lost' }],
  ])('costs one call at most when it sends 200,000 brackets %s', async (_what, misbehave, expected) => {
    expect(await once(misbehave)).toMatchObject(expected);
  });

  it('does not end its call by saying on the side what nobody can take', async () => {
    const server = await bench.stub((rpc, response) => {
      const send = eventStream(response);
      send({ method: 'notifications/message', params: { level: 'info', data: 'x' } });
      send(result(rpc.id));
      response.end();
    });
    let heard = 0;
    const onEvent = (): void => {
      heard += 1;
      throw new RangeError('Maximum call stack size exceeded');
    };
    expect(await bench.upstreams(server.url, { target: { era } }).invoke(call({ onEvent }), never)).toHaveProperty('result');
    expect(heard).toBe(1);
  });

  it('has one answer taken of two, in the order in which they came', async () => {
    const outcome = await once((rpc, response) => {
      const send = eventStream(response);
      send(result(rpc.id, { content: [], first: true }));
      send(result(rpc.id, { content: [], first: false }));
      response.end();
    });
    expect(outcome).toEqual({ result: { content: [], first: true } });
  });

  it.each<[string, (id: number) => unknown]>([
    ["another call's id", (id) => result(id + 1)],
    ['its id as text', (id) => result(String(id))],
    ['the id null', () => result(null)],
    ['a batch', (id) => [result(id)]],
    ['a request in its stead', (id) => ({ jsonrpc: '2.0', id, method: 'tools/call', result: {} })],
  ])('has no call settled by an answer with %s', async (_what, answer) => {
    expect(await once((rpc, response) => json(response, 200, answer(rpc.id as number)))).toMatchObject({ code: 'upstream_lost' });
    const streamed = await once((rpc, response) => {
      eventStream(response)(JSON.stringify(answer(rpc.id as number)));
      response.end();
    });
    expect(streamed).toMatchObject({ code: 'upstream_lost' });
  });

  it('can not make one call wait for another by answering out of order', async () => {
    const waiting: [number, Response][] = [];
    const server = await bench.stub((rpc, response) => {
      waiting.push([rpc.id as number, response]);
      if (waiting.length < 3) return;
      for (const [id, open] of waiting.toReversed()) json(open, 200, result(id, { content: [], id }));
    });
    const made = bench.upstreams(server.url, { target: { era } });
    const replies = await Promise.all([1, 2, 3].map((n) => made.invoke(call({ params: { name: 'echo', n } }), never)));
    const sent = new Map(server.received.filter(({ rpc }) => rpc.method === 'tools/call').map(({ rpc }) => [rpc.params?.['n'], rpc.id]));
    expect(replies).toEqual([1, 2, 3].map((n) => ({ result: { content: [], id: sent.get(n) } })));
  });

  it('harms nobody by answering late', async () => {
    let late: (() => void) | undefined;
    const server = await bench.stub((rpc, response, request) => {
      if (late !== undefined) return echo(rpc, response, request);
      late = () => json(response, 200, result(rpc.id));
    });
    const made = bench.upstreams(server.url, { target: { era } });
    await expect(made.invoke(call({ timeoutMs: 100 }), never)).rejects.toMatchObject({ code: 'timeout' });
    late?.();
    expect(await made.invoke(call(), never)).toHaveProperty('result.echoed');
  });

  it('has its invalid UTF-8 replaced, as every reader of text does', async () => {
    const outcome = await once((rpc, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(Buffer.concat([Buffer.from(`{"jsonrpc":"2.0","id":${rpc.id},"result":{"text":"a`), Buffer.from([0xff, 0xc3]), Buffer.from('"}}')]));
    });
    expect(outcome).toEqual({ result: { text: 'a\uFFFD\uFFFD' } });
  });

  it.each<[string, (response: Response) => void]>([
    ['before the answer', (response) => response.destroy()],
    ['in the middle of an event', (response) => void response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: {"jsonrpc":', () => response.destroy())],
    ['between events', (response) => void response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: {}\n\n', () => response.destroy())],
  ])('that disconnects %s has the call reported as one that may have run, and not repeated', async (_what, cut) => {
    let calls = 0;
    const outcome = await once((_rpc, response) => {
      calls += 1;
      cut(response);
    });
    expect(outcome).toMatchObject({ code: 'upstream_lost' });
    expect(calls).toBe(1);
  });

  it.each([301, 302, 303, 307, 308])('gets nothing sent to where it redirects with %i', async (status) => {
    const elsewhere = await bench.stub(echo);
    const outcome = await once((_rpc, response) => void response.writeHead(status, { location: elsewhere.url, 'set-cookie': 'a=b' }).end());
    expect(outcome).toMatchObject({ code: 'upstream_failed', message: expect.stringContaining('redirect') });
    expect(elsewhere.received).toEqual([]);
  });

  it('sees no cookie again that it has set', async () => {
    const server = await bench.stub((rpc, response) => json(response, 200, result(rpc.id), { 'set-cookie': 'tracking=1; Path=/' }));
    const made = bench.upstreams(server.url, { target: { era } });
    for (let n = 0; n < 2; n += 1) await made.invoke(call(), never);
    expect(server.received.map(({ headers }) => headers.cookie)).toEqual(server.received.map(() => undefined));
  });

  it.each([
    ['one huge header', { 'x-big': 'x'.repeat(200_000) }],
    ['a thousand of them', Object.fromEntries(Array.from({ length: 1_000 }, (_, n) => [`x-${n}`, 'x'.repeat(200)]))],
  ])('with %s is cut off', async (_what, headers: Record<string, string>) => {
    expect(await once((rpc, response) => json(response, 200, result(rpc.id), headers))).toMatchObject({ code: 'upstream_lost' });
  });
});

describe('A hostile legacy server', () => {
  it('floods with questions nobody may be asked, and gets few refusals and its call', async () => {
    const server = await bench.stub((rpc, response) => {
      const send = eventStream(response);
      for (let n = 0; n < 5_000; n += 1) send({ id: `flood-${n}`, method: 'sampling/createMessage', params: {} });
      send(result(rpc.id));
      response.end();
    });
    const made = bench.upstreams(server.url);
    expect(await made.invoke(call(), never)).toHaveProperty('result');
    expect(await made.invoke(call(), never)).toHaveProperty('result');
    expect(server.received.filter(({ rpc }) => rpc.error !== undefined).length).toBeLessThan(200);
  });

  it('can use no id twice, and none that is no id', async () => {
    const asked: unknown[] = [];
    const server = await bench.stub((rpc, response) => {
      const send = eventStream(response);
      for (const id of ['q', 'q', null, 1.5, {}, [], true, 'x'.repeat(2_000)]) send({ id, method: 'roots/list' });
      void until(() => asked.length > 0).then(() => {
        send(result(rpc.id));
        response.end();
      });
    });
    const onAsk = (method: string): Promise<never> => (asked.push(method), new Promise(() => undefined));
    await bench.upstreams(server.url).invoke(call(asker('ada', { roots: {} }, onAsk)), never);
    expect(asked).toEqual(['roots/list']);
  });

  it('can not put its session or event ids where other headers are', async () => {
    const server = await bench.stub((_rpc, response) => void response.writeHead(200, { 'content-type': 'text/event-stream' }).end('id: a\u00e9 \tb\nretry: 10\ndata: \n\n'));
    await expect(bench.upstreams(server.url).invoke(call(), never)).rejects.toMatchObject({ code: 'upstream_lost' });
    expect(server.received.filter(({ headers }) => headers['last-event-id'] !== undefined)).toEqual([]);
  });
});
