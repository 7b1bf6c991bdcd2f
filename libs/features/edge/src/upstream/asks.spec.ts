import { afterEach, describe, expect, it } from '@jest/globals';
import type { UpstreamReply } from '@mcpgw/contracts';
import type { UpstreamCall } from '../ports.js';
import { asker, Bench, call, echo, eventStream, never, until } from './testing/bench.js';
import type { Handler, Rpc } from './testing/stub-server.js';

const bench = new Bench();
afterEach(() => bench.close());

const FORM = { elicitation: { form: {} } };
const ask = (id: number | string, params: object = { message: 'Sure?', requestedSchema: { type: 'object', properties: {} } }): object => ({ id, method: 'elicitation/create', params });
const accepted: UpstreamReply = { result: { action: 'accept', content: {} } };

type Server = Awaited<ReturnType<Bench['stub']>>;

/** A server that asks during its tool call and answers the call with the reply it got. */
async function asking(questions: (rpc: Rpc) => readonly object[] = () => [ask('q')]): Promise<Server> {
  const open = new Map<unknown, (reply: unknown) => void>();
  return bench.stub(
    (rpc, response) => {
      const send = eventStream(response);
      const replies = questions(rpc).map(
        (question) =>
          new Promise((resolve) => {
            open.set((question as Rpc).id, resolve);
            send(question);
          }),
      );
      void Promise.all(replies).then((all) => {
        send({ id: rpc.id, result: { content: [], replies: all } });
        response.end();
      });
    },
    {
      '': (_rpc, response) => void response.writeHead(202).end(),
      POST: (rpc, response) => {
        open.get(rpc.id)?.({ result: (rpc as { result?: unknown }).result, error: rpc.error });
        response.writeHead(202).end();
      },
    },
  );
}

function replies(reply: UpstreamReply): unknown[] {
  return 'result' in reply ? (reply.result['replies'] as unknown[]) : [reply];
}

const initialized = (server: Server) => server.received.filter(({ rpc }) => rpc.method === 'initialize').map(({ rpc }) => rpc.params?.['capabilities']);

describe('A legacy server that asks in the middle of a call', () => {
  it('gets the answer of the caller, to whom nobody else is asked, and is told what the caller can do', async () => {
    const server = await asking();
    const asked: unknown[] = [];
    const reply = await bench.upstreams(server.url).invoke(call(asker('ada', FORM, async (method, params) => (asked.push([method, params['message']]), accepted))), never);
    expect(asked).toEqual([['elicitation/create', 'Sure?']]);
    expect(replies(reply)).toEqual([{ result: { action: 'accept', content: {} }, error: undefined }]);
    expect(initialized(server)).toEqual([FORM]);
    const answer = server.received.find(({ rpc }) => rpc.method === undefined && rpc.id !== undefined);
    expect(answer?.headers).toMatchObject({ 'mcp-session-id': 'session-1', authorization: 'Bearer own' });
  });

  it.each<[string, object, Record<string, unknown>]>([
    ['sampling, which was not declared', { id: 1, method: 'sampling/createMessage', params: {} }, FORM],
    ['for a URL, though only forms were declared', ask(1, { mode: 'url', url: 'https://x.example', message: 'x' }), FORM],
    ['anything on the shared session', ask(1), {}],
    ['for what no revision knows', { id: 1, method: 'secrets/list' }, FORM],
  ])('never reaches the caller with %s', async (_what, question, capabilities) => {
    const server = await asking(() => [question]);
    const onAsk: UpstreamCall['onAsk'] = () => Promise.reject(new Error('asked'));
    const scope = Object.keys(capabilities).length === 0 ? '' : 'ada';
    const reply = await bench.upstreams(server.url).invoke(call(asker(scope, capabilities, onAsk)), never);
    expect(replies(reply)).toMatchObject([{ error: { code: -32601 } }]);
  });

  it('is told so when the caller gives no answer', async () => {
    const server = await asking();
    const reply = await bench.upstreams(server.url).invoke(call(asker('ada', FORM, () => Promise.reject(new Error('gone')))), never);
    expect(replies(reply)).toMatchObject([{ error: { code: -32603 } }]);
  });

  it('is told so when the answer can not be written down', async () => {
    const server = await asking();
    let deep: unknown[] = [];
    for (let depth = 0; depth < 200_000; depth += 1) deep = [deep];
    const reply = await bench.upstreams(server.url).invoke(call(asker('ada', FORM, async () => ({ result: { deep } }))), never);
    expect(replies(reply)).toMatchObject([{ error: { code: -32603 } }]);
  });

  it('costs the call none of its time while it waits for a person', async () => {
    const server = await asking();
    const slow: UpstreamCall['onAsk'] = () => new Promise((resolve) => setTimeout(() => resolve(accepted), 400));
    expect(replies(await bench.upstreams(server.url).invoke(call({ timeoutMs: 250, ...asker('ada', FORM, slow) }), never))).toHaveLength(1);
  });

  it('does not get more time than the rest once it has its answer', async () => {
    const server = await bench.stub((_rpc, response) => eventStream(response)(ask('q')));
    const running = bench.upstreams(server.url).invoke(call({ timeoutMs: 250, ...asker('ada', FORM, async () => accepted) }), never);
    await expect(running).rejects.toMatchObject({ code: 'timeout' });
  });

  it('is not answered any more once it has taken its question back, of which the caller hears', async () => {
    const server = await bench.stub((rpc, response) => {
      const send = eventStream(response);
      send(ask('q'));
      send({ method: 'notifications/cancelled', params: { requestId: 'q' } });
      send({ id: rpc.id, result: { content: [] } });
      response.end();
    });
    let answer!: (reply: UpstreamReply) => void;
    let isWithdrawn = false;
    const made = bench.upstreams(server.url);
    const onAsk: UpstreamCall['onAsk'] = (_method, _params, withdrawn) => {
      withdrawn?.addEventListener('abort', () => (isWithdrawn = true));
      return new Promise((resolve) => (answer = resolve));
    };
    await made.invoke(call(asker('ada', FORM, onAsk)), never);
    expect(isWithdrawn).toBe(true);
    answer(accepted);
    await made.invoke(call(), never);
    expect(server.received.filter(({ rpc }) => rpc.id === ('q' as never))).toEqual([]);
  });

  it('is told that the call has ended when the caller cancels while being asked', async () => {
    const server = await bench.stub((_rpc, response) => eventStream(response)(ask('q')));
    const abort = new AbortController();
    const asked = new Promise<void>((resolve) => {
      const running = bench.upstreams(server.url).invoke(
        call(
          asker('ada', FORM, () => {
            resolve();
            return new Promise(() => undefined);
          }),
        ),
        abort.signal,
      );
      running.catch(() => undefined);
    });
    await asked;
    abort.abort();
    await server.until((all) => all.some(({ rpc }) => rpc.error?.code === -32603) && all.some(({ rpc }) => rpc.method === 'notifications/cancelled'));
    expect(server.received.find(({ rpc }) => rpc.error !== undefined)?.rpc.id).toBe('q');
  });

  it('may have 16 questions open at once; the rest is refused', async () => {
    const server = await asking(() => Array.from({ length: 20 }, (_, n) => ask(n)));
    const waiting: ((reply: UpstreamReply) => void)[] = [];
    const running = bench.upstreams(server.url).invoke(call(asker('ada', FORM, () => new Promise((resolve) => waiting.push(resolve)))), never);
    await server.until((all) => all.filter(({ rpc }) => rpc.error !== undefined).length === 4);
    expect(waiting).toHaveLength(16);
    for (const answer of waiting) answer(accepted);
    expect(replies(await running)).toHaveLength(20);
  });

  it('may ask 64 times during one call', async () => {
    let next: (() => void) | undefined;
    const server = await bench.stub(
      (rpc, response) => {
        const send = eventStream(response);
        let asked = 0;
        next = () => {
          asked += 1;
          if (asked <= 66) send(ask(asked));
          else send({ id: rpc.id, result: { content: [] } });
        };
        next();
      },
      {
        POST: (_rpc, response) => {
          response.writeHead(202).end();
          next?.();
        },
      },
    );
    let answered = 0;
    await bench.upstreams(server.url).invoke(call(asker('ada', FORM, async () => ((answered += 1), accepted))), never);
    expect(answered).toBe(64);
    expect(server.received.filter(({ rpc }) => rpc.error?.code === -32603).map(({ rpc }) => rpc.id)).toEqual([65, 66]);
  });

  it('asks on its GET stream as well, and the latest call that can be asked is meant', async () => {
    let stream: ReturnType<typeof eventStream> | undefined;
    const calls: (() => void)[] = [];
    const server = await bench.stub((rpc, response, request) => calls.push(() => echo(rpc, response, request)), { GET: (_rpc, response) => (stream = eventStream(response)) });
    const made = bench.upstreams(server.url);
    const asked: string[] = [];
    const one = (name: string): Promise<UpstreamReply> => made.invoke(call(asker('ada', FORM, async () => (asked.push(name), accepted))), never);
    const first = one('first');
    await server.until((all) => all.filter(({ rpc }) => rpc.method === 'tools/call').length === 1);
    const second = one('second');
    await server.until((all) => all.filter(({ rpc }) => rpc.method === 'tools/call').length === 2);
    await until(() => stream !== undefined, 'the GET stream');
    stream?.(ask('q'));
    await server.until((all) => all.some(({ rpc }) => rpc.id === ('q' as never)));
    expect(asked).toEqual(['second']);
    for (const answer of calls) answer();
    await Promise.all([first, second]);
    stream?.(ask('late'));
    await server.until((all) => all.some(({ rpc }) => rpc.id === ('late' as never)));
    expect(server.received.find(({ rpc }) => rpc.id === ('late' as never))?.rpc.error).toMatchObject({ code: -32603 });
  });

  it('is answered even while as many calls wait for people as it has connections', async () => {
    const server = await asking((rpc) => [ask(String(rpc.params?.['name']))]);
    const made = bench.upstreams(server.url, { limits: { connectionsPerOrigin: 2 } });
    let open = 0;
    let release!: () => void;
    const all = new Promise<void>((resolve) => (release = resolve));
    const onAsk: UpstreamCall['onAsk'] = async () => {
      if ((open += 1) === 8) release();
      await all;
      return accepted;
    };
    const running = Array.from({ length: 8 }, (_, n) => made.invoke(call({ params: { name: String(n) }, ...asker(`user-${n}`, FORM, onAsk) }), never));
    const answers = await Promise.all(running);
    expect(answers.map((reply) => replies(reply).length)).toEqual(Array.from({ length: 8 }, () => 1));
  });
});

describe('Sessions by scope', () => {
  const sessionsOf = (server: Server): (string | string[] | undefined)[] => server.received.filter(({ rpc }) => rpc.method === 'tools/call').map(({ headers }) => headers['mcp-session-id']);
  const scoped = (scope: string, capabilities: Record<string, unknown> = FORM): UpstreamCall => call(asker(scope, capabilities));

  it('keeps callers apart, shares the common one, and starts one for each set of capabilities', async () => {
    const server = await bench.stub(echo);
    const made = bench.upstreams(server.url);
    for (const one of [call(), scoped('ada'), scoped('bob'), scoped('ada'), scoped('ada', { sampling: {} }), scoped(''), call()]) await made.invoke(one, never);
    expect(sessionsOf(server)).toEqual(['session-1', 'session-2', 'session-3', 'session-2', 'session-4', 'session-1', 'session-1']);
    expect(initialized(server)).toEqual([{}, FORM, FORM, { sampling: {} }]);
  });

  it('starts one session for many calls of one caller at once', async () => {
    const server = await bench.stub(echo);
    const made = bench.upstreams(server.url);
    await Promise.all(Array.from({ length: 10 }, () => made.invoke(scoped('ada'), never)));
    expect(initialized(server)).toEqual([FORM]);
  });

  it('ends the longest idle one at the bound', async () => {
    const server = await bench.stub(echo);
    const made = bench.upstreams(server.url, { limits: { maxScopesPerServer: 2 } });
    for (const scope of ['ada', 'bob', 'ada', 'cyd']) await made.invoke(scoped(scope), never);
    await server.until((all) => all.some(({ verb }) => verb === 'DELETE'));
    expect(server.received.filter(({ verb }) => verb === 'DELETE').map(({ headers }) => headers['mcp-session-id'])).toEqual(['session-2']);
  });

  it('lets a call use the shared session, which can ask nothing, while all are busy', async () => {
    let answer: (() => void) | undefined;
    const server = await bench.stub((rpc, response, request) => (request.headers['mcp-session-id'] === 'session-1' ? (answer = () => echo(rpc, response, request)) : echo(rpc, response, request)));
    const made = bench.upstreams(server.url, { limits: { maxScopesPerServer: 1 } });
    const busy = made.invoke(scoped('ada'), never);
    await server.until((all) => all.some(({ rpc }) => rpc.method === 'tools/call'));
    expect(await made.invoke(scoped('bob'), never)).toHaveProperty('result');
    expect(initialized(server)).toEqual([FORM, {}]);
    answer?.();
    expect(await busy).toHaveProperty('result');
  });

  it('ends those that nobody used for long, and all of them when the gateway stops', async () => {
    const server = await bench.stub(echo);
    const made = bench.upstreams(server.url, { limits: { scopeIdleMs: 0 } });
    await made.invoke(scoped('ada'), never);
    made.sweep();
    await server.until((all) => all.some(({ verb }) => verb === 'DELETE'));
    await made.invoke(scoped('ada'), never);
    await made.close();
    expect(server.received.filter(({ verb }) => verb === 'DELETE').map(({ headers }) => headers['mcp-session-id'])).toEqual(['session-1', 'session-2']);
  });

  it('replaces a session that the server has forgotten, without the caller noticing', async () => {
    let forgotten = false;
    const server = await bench.stub((rpc, response, request) => (forgotten && request.headers['mcp-session-id'] === 'session-1' ? void response.writeHead(404).end() : echo(rpc, response, request)));
    const made = bench.upstreams(server.url);
    await made.invoke(scoped('ada'), never);
    forgotten = true;
    expect(await made.invoke(scoped('ada'), never)).toHaveProperty('result');
    expect(initialized(server)).toEqual([FORM, FORM]);
  });

  it('asks a server that logs for all levels, before the first call', async () => {
    const handshake: Handler = (rpc, response) => void response.writeHead(200, { 'content-type': 'application/json', 'mcp-session-id': 's' }).end(JSON.stringify({ jsonrpc: '2.0', id: rpc.id, result: { protocolVersion: '2025-11-25', capabilities: { logging: {}, tools: {} }, serverInfo: { name: 'x', version: '1' } } }));
    const server = await bench.stub(echo, { initialize: handshake });
    await bench.upstreams(server.url).invoke(call(), never);
    const level = server.received.find(({ rpc }) => rpc.method === 'logging/setLevel');
    expect(level?.rpc.params).toEqual({ level: 'debug' });
    expect(server.methods().indexOf('logging/setLevel')).toBeLessThan(server.methods().indexOf('tools/call'));
  });
});
