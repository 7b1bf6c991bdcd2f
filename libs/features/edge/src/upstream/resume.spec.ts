import { afterEach, describe, expect, it } from '@jest/globals';
import type { UpstreamCall } from '../ports.js';
import { asker, Bench, call, echo, eventStream, never, until } from './testing/bench.js';
import type { Handler } from './testing/stub-server.js';

const bench = new Bench();
afterEach(() => bench.close());

/** A response stream that gives an id and closes before the answer (SEP-1699). */
const closesEarly: Handler = (rpc, response) => {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.end(`id: ${rpc.id}-0\nretry: 30\ndata: \n\n`);
};

/** A GET stream per Last-Event-ID; without one, the session's own: not offered. */
function resumable(onResume: (lastEventId: string, response: Parameters<Handler>[1]) => void): Handler {
  return (_rpc, response, request) => {
    const lastEventId = request.headers['last-event-id'];
    if (typeof lastEventId === 'string') onResume(lastEventId, response);
    else response.writeHead(405).end();
  };
}

const calls = (server: { readonly received: readonly { readonly rpc: { readonly method?: string } }[] }): number => server.received.filter(({ rpc }) => rpc.method === 'tools/call').length;

describe('A legacy server that ends its response stream before the answer', () => {
  it('is asked for the rest where it broke off, after the time that it named, and never for the call again', async () => {
    const seen: number[] = [];
    const server = await bench.stub(
      (rpc, response, request) => {
        seen.push(performance.now());
        closesEarly(rpc, response, request);
      },
      {
        GET: resumable((lastEventId, response) => {
          seen.push(performance.now());
          const send = eventStream(response);
          send({ method: 'notifications/progress', params: { progressToken: Number(lastEventId.split('-')[0]), progress: 1 } }, 'x');
          send({ id: Number(lastEventId.split('-')[0]), result: { content: [], from: lastEventId } });
        }),
      },
    );
    const events: unknown[] = [];
    const onEvent: UpstreamCall['onEvent'] = (_method, params) => events.push(params['progressToken']);
    const reply = await bench.upstreams(server.url).invoke(call({ params: { name: 'echo', _meta: { progressToken: 'mine' } }, onEvent }), never);
    const id = server.received.find(({ rpc }) => rpc.method === 'tools/call')?.rpc.id;
    expect(reply).toEqual({ result: { content: [], from: `${id}-0` } });
    expect(events).toEqual(['mine']);
    expect(calls(server)).toBe(1);
    expect((seen[1] ?? 0) - (seen[0] ?? 0)).toBeGreaterThanOrEqual(25);
    expect(server.received.find(({ headers }) => headers['last-event-id'] !== undefined)?.headers).toMatchObject({ 'mcp-session-id': 'session-1', accept: 'text/event-stream' });
  });

  it('may break off again and again as long as each time brings something', async () => {
    let round = 0;
    const server = await bench.stub(closesEarly, {
      GET: resumable((lastEventId, response) => {
        round += 1;
        const id = Number(lastEventId.split('-')[0]);
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.end(round < 10 ? `id: ${id}-${round}\ndata: \n\n` : `data: {"jsonrpc":"2.0","id":${id},"result":{"content":[]}}\n\n`);
      }),
    });
    expect(await bench.upstreams(server.url).invoke(call(), never)).toHaveProperty('result');
    expect(round).toBe(10);
    expect(calls(server)).toBe(1);
  });

  it.each<[string, (response: Parameters<Handler>[1]) => void]>([
    ['brings nothing new several times', (response) => void response.writeHead(200, { 'content-type': 'text/event-stream' }).end()],
    ['knows the stream no longer', (response) => void response.writeHead(404).end()],
    ['does not offer to resume', (response) => void response.writeHead(405).end()],
  ])('counts as lost when it %s', async (_what, misbehave) => {
    const server = await bench.stub(closesEarly, { GET: resumable((_lastEventId, response) => misbehave(response)) });
    await expect(bench.upstreams(server.url).invoke(call(), never)).rejects.toMatchObject({ code: 'upstream_lost' });
    expect(calls(server)).toBe(1);
  });

  it('is waited for no longer than the call may take, and told', async () => {
    const server = await bench.stub((rpc, response) => void response.writeHead(200, { 'content-type': 'text/event-stream' }).end(`id: ${rpc.id}-0\nretry: 60000\ndata: \n\n`));
    await expect(bench.upstreams(server.url).invoke(call({ timeoutMs: 150 }), never)).rejects.toMatchObject({ code: 'timeout' });
    await server.until((all) => all.some(({ rpc }) => rpc.method === 'notifications/cancelled'));
  });

  it('may ask on the resumed stream', async () => {
    const answered: unknown[] = [];
    let finish: (() => void) | undefined;
    const server = await bench.stub(closesEarly, {
      GET: resumable((lastEventId, response) => {
        const send = eventStream(response);
        send({ id: 'q', method: 'roots/list' });
        finish = () => send({ id: Number(lastEventId.split('-')[0]), result: { content: [] } });
      }),
      POST: (rpc, response) => {
        answered.push(rpc.id);
        response.writeHead(202).end();
        finish?.();
      },
    });
    const reply = await bench.upstreams(server.url).invoke(call(asker('ada', { roots: {} }, async () => ({ result: { roots: [] } }))), never);
    expect(reply).toHaveProperty('result');
    expect(answered).toEqual(['q']);
  });
});

describe('The GET stream of a legacy session', () => {
  it('is resumed where it broke off, when the server said', async () => {
    const from: unknown[] = [];
    const server = await bench.stub(echo, {
      GET: (_rpc, response, request) => {
        from.push(request.headers['last-event-id']);
        if (from.length > 1) return eventStream(response)({ method: 'notifications/tools/list_changed' });
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.end('id: 7\nretry: 20\ndata: \n\n');
      },
    });
    const heard = { lists: 0, uris: [] };
    await bench.upstreams(server.url, { heard }).invoke(call(), never);
    // Once when the stream began, for what nobody had read before.
    await until(() => heard.lists === 2, 'the change on the second stream');
    expect(from).toEqual([undefined, '7']);
  });
});
