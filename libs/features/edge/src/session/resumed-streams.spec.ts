import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { UpstreamReply } from '@mcpgw/contracts';
import { echo, request, until, type RunnerCall } from '../edge.fixture.js';
import { StreamReader, TwoEdges } from './watching.fixture.js';

describe('event streams that break off', () => {
  const edges = new TwoEdges();
  let finish: (call?: RunnerCall) => void;
  let session: string;

  beforeAll(() => edges.start({ keepAliveSeconds: 0.05, streamResumeSeconds: 1.2 }));
  afterAll(() => edges.close());
  beforeEach(async () => {
    session = await edges.initialize();
    edges.one.runner.cancelled.length = 0;
    edges.one.runner.answer = (call) => new Promise<UpstreamReply>((resolve) => (finish = () => resolve(echo(call))));
  });

  /** A call at the first edge whose answer has become an event stream. */
  async function call(id: unknown = 5, version = '2025-11-25'): Promise<{ stream: StreamReader; running: RunnerCall }> {
    const before = edges.one.runner.calls.length;
    const stream = await StreamReader.open(`${edges.one.url}/mcp`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', authorization: `Bearer ${edges.agent.key}`, 'mcp-session-id': session, 'mcp-protocol-version': version },
      body: JSON.stringify(request('tools/call', { name: 'files__read_file', _meta: { progressToken: 'p' } }, id)),
    });
    expect(stream.response.headers.get('content-type')).toBe('text/event-stream');
    const running = edges.one.runner.calls[before];
    if (!running) throw new Error('The call is not under way.');
    return { stream, running };
  }

  const progress = (running: RunnerCall, value: number): void => running.event('notifications/progress', { progressToken: 'p', progress: value });
  const resume = (lastEventId: string, edge = edges.one, key = edges.agent.key, token = session): Promise<StreamReader> => StreamReader.get(edge, key, token, { 'last-event-id': lastEventId });
  const kinds = (stream: StreamReader): unknown[] => stream.messages.map(({ method, params, id }) => (method === undefined ? `answer ${String(id)}` : (params as { progress?: number }).progress));

  describe('of an answer', () => {
    it('begin by telling from where to go on, and when', async () => {
      const { stream } = await call();
      await stream.primed();
      expect(stream.text).toMatch(/^id: \S+\nretry: \d+\ndata: \n\n/);
      finish();
      await until(() => stream.ended, 'the answer');
      expect(kinds(stream)).toEqual(['answer 5']);
    });

    it('begin without that for clients of older versions, which would take it for a fault', async () => {
      session = await edges.initialize(edges.one, edges.agent.key, '2025-06-18');
      const { stream } = await call(5, '2025-06-18');
      finish();
      await until(() => stream.ended, 'the answer');
      expect(stream.text).not.toContain('id:');
      expect(kinds(stream)).toEqual(['answer 5']);
    });

    it.each([
      ['the same edge', () => edges.one],
      ['another edge', () => edges.two],
    ])('go on at %s with what the client has missed, and with what comes', async (_where, where) => {
      const { stream, running } = await call();
      progress(running, 1);
      await stream.until((messages) => messages.length === 1, 'the first event');
      stream.drop();
      progress(running, 2);
      const resumed = await resume(stream.lastEventId, where());
      await resumed.until((messages) => messages.length === 1, 'the missed event');
      progress(running, 3);
      await resumed.until((messages) => messages.length === 2, 'the next event');
      finish();
      await until(() => resumed.ended, 'the answer');
      expect(kinds(resumed)).toEqual([2, 3, 'answer 5']);
      expect(edges.one.runner.cancelled).toEqual([]);
    });

    it.each([
      ['the same edge', () => edges.one],
      ['another edge', () => edges.two],
    ])('give at %s the answer that came meanwhile, and what was sent but may not have arrived', async (_where, where) => {
      const { stream, running } = await call();
      const first = (await stream.primed()).lastEventId;
      progress(running, 1);
      await stream.until((messages) => messages.length === 1, 'the first event');
      stream.drop();
      finish();
      await until(() => edges.one.entries.written.some(({ callId, phase }) => callId === running.callId && phase === 'outcome'), 'the end of the call');
      const resumed = await resume(first, where());
      await until(() => resumed.ended, 'the end of the stream');
      expect(kinds(resumed)).toEqual([1, 'answer 5']);
    });

    it('can break off again at another edge, and go on at the first', async () => {
      const { stream, running } = await call();
      await stream.primed();
      stream.drop();
      const second = await resume(stream.lastEventId, edges.two);
      progress(running, 1);
      await second.until((messages) => messages.length === 1, 'the event');
      second.drop();
      const third = await resume(second.lastEventId);
      finish();
      await until(() => third.ended, 'the answer');
      expect(kinds(third)).toEqual(['answer 5']);
    });

    it('cancel the call when nobody comes back', async () => {
      const { stream, running } = await call();
      await stream.primed();
      stream.drop();
      await until(() => edges.one.runner.cancelled.includes(running.callId), 'the cancellation');
    });

    it('serve the SDK, which comes back by itself', async () => {
      let backs = 0;
      const transport = new StreamableHTTPClientTransport(new URL(`${edges.one.url}/mcp`), {
        requestInit: { headers: { authorization: `Bearer ${edges.agent.key}` } },
        // Every answer of a POST breaks off once it has begun.
        fetch: async (url, init) => {
          if (new Headers(init?.headers).has('last-event-id')) backs++;
          const response = await fetch(url, init);
          return init?.method === 'POST' && response.headers.get('content-type') === 'text/event-stream' ? cut(response) : response;
        },
      });
      const client = new Client({ name: 'spec', version: '1' });
      await client.connect(transport);
      const before = edges.one.runner.calls.length;
      const answer = client.callTool({ name: 'files__read_file', arguments: {} });
      await until(() => edges.one.runner.calls.length > before && backs > 0, 'the client to come back');
      finish();
      expect(await answer).toMatchObject({ content: [{ type: 'text' }] });
      await client.close();
    });
  });

  describe('of news', () => {
    const watch = (uri: string) => edges.one.post(edges.agent.key, request('resources/subscribe', { uri: `files+${uri}` }), { 'mcp-session-id': session });

    it.each([
      ['the same edge', () => edges.one],
      ['another edge', () => edges.two],
    ])('give at %s what the client has missed, and go on', async (_where, where) => {
      await watch('note://files/1');
      const stream = await (await StreamReader.get(edges.one, edges.agent.key, session)).primed();
      await until(() => edges.watchedUris.includes('note://files/1'), 'the watch');
      stream.drop();
      edges.updated('note://files/1');
      const resumed = await resume(stream.lastEventId, where());
      await resumed.until((messages) => messages.length === 1, 'the missed news');
      edges.updated('note://files/1');
      await resumed.until((messages) => messages.length === 2, 'more news');
      resumed.drop();
    });

    it('begin anew when what is asked for is forgotten, or its edge is gone', async () => {
      const stream = await (await StreamReader.get(edges.two, edges.agent.key, session)).primed();
      stream.drop();
      await until(() => edges.two.health.status().details['resumableStreams'] === 0, 'the stream to be forgotten');
      const again = await (await resume(stream.lastEventId, edges.two)).primed();
      again.drop();
      const gone = stream.lastEventId.replace(/^[^.]+/, 'edge-gone');
      expect((await resume(gone)).response.status).toBe(404);
    });
  });

  it('are given to nobody but the session that they are of: another\'s event id is answered like an unknown session', async () => {
    const { stream } = await call();
    await stream.primed();
    stream.drop();
    const [others, own] = [await edges.initialize(edges.one, edges.other.key), await edges.initialize()];
    const unknown = await edges.one.post(edges.agent.key, request('ping', {}, 1), { 'mcp-session-id': 'x'.repeat(session.length) });
    for (const edge of [edges.one, edges.two]) {
      for (const [key, token] of [[edges.other.key, others], [edges.agent.key, own], [edges.other.key, session]] as const) {
        const { response } = await resume(stream.lastEventId, edge, key, token);
        expect(response.status).toBe(404);
        expect((await StreamReader.get(edge, key, token, { 'last-event-id': 'made-up' })).response.status).toBe(404);
      }
    }
    expect(unknown.status).toBe(404);
    finish();
  });
});

/** The first event of a response, after which its connection breaks. */
function cut(response: Response): Response {
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  const body = new ReadableStream<Uint8Array>({
    async start(controller) {
      const { value } = await reader.read();
      if (value) controller.enqueue(value);
      await reader.cancel();
      controller.close();
    },
  });
  return new Response(body, { status: response.status, headers: response.headers });
}
