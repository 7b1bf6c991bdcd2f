import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { callAsk, callAskWithdrawn, callEvent, GatewayError, runnerCancel, runnerInvoke, type CallId, type OrganizationName, type ServerName, type UpstreamReply } from '@mcpgw/contracts';
import { MemoryBus } from '@mcpgw/platform-bus';
import type { z } from 'zod';
import type { UpstreamCall } from '../ports.js';
import { RunnerUpstream } from './runner-upstream.js';

type Invocation = z.output<typeof runnerInvoke.request>;

const CALL = '01989c5e-0000-7000-8000-000000000001' as CallId;
const OTHER = '01989c5e-0000-7000-8000-000000000002' as CallId;
const client = { capabilities: { elicitation: { form: {} } }, scope: 'ada' };
const ELICIT = { method: 'elicitation/create' as const, params: { message: 'Who?' } };

describe('RunnerUpstream', () => {
  let bus: MemoryBus;
  let upstream: RunnerUpstream;
  const invocations: Invocation[] = [];
  const cancelled: string[] = [];
  let run: (request: Invocation) => Promise<UpstreamReply> = async () => ({ result: {} });

  beforeEach(() => {
    bus = new MemoryBus();
    invocations.length = cancelled.length = 0;
    bus.handle(runnerInvoke, (request) => (invocations.push(request), run(request)));
    bus.subscribe(runnerCancel, ({ callId }) => void cancelled.push(callId));
    upstream = new RunnerUpstream(bus, 'edge-1');
    upstream.start();
  });
  afterEach(async () => {
    await upstream.close();
    await bus.close();
  });

  const invoke = (call: Partial<UpstreamCall>, signal = new AbortController().signal): Promise<UpstreamReply> =>
    upstream.invoke({ organization: 'acme' as OrganizationName, server: 'files' as ServerName, revision: 1, callId: CALL, method: 'tools/call', params: {}, timeoutMs: 5_000, ...call }, signal);
  const ask = (callId: CallId, askId = '1'): Promise<UpstreamReply> => bus.request(callAsk, { callId, askId, ...ELICIT }, { to: 'edge-1' });

  it('says on whose behalf it calls, and where questions and events go', async () => {
    await invoke({ client, onAsk: async () => ({ result: {} }) });
    await invoke({});
    expect(invocations.map(({ client: whose, eventsTo }) => [whose, eventsTo])).toEqual([
      [client, 'edge-1'],
      [undefined, undefined],
    ]);
  });

  it("hands a question to the call's client, and events to the same call", async () => {
    run = async ({ callId }) => {
      bus.publish(callEvent, { callId, method: 'notifications/progress', params: { progress: 1 } }, { to: 'edge-1' });
      return { result: { heard: await ask(callId) } };
    };
    const asked: unknown[] = [];
    const events: string[] = [];
    const onAsk: NonNullable<UpstreamCall['onAsk']> = async (method, params) => (asked.push({ method, params }), { result: { action: 'accept' } });
    expect(await invoke({ client, onAsk, onEvent: (method) => events.push(method) })).toEqual({ result: { heard: { result: { action: 'accept' } } } });
    expect(asked).toEqual([ELICIT]);
    expect(events).toEqual(['notifications/progress']);
  });

  it('stops the time of the call while a question is open, and only then', async () => {
    let answer: (() => void) | undefined;
    run = async ({ callId }) => {
      await ask(callId);
      return new Promise(() => {});
    };
    const call = invoke({ client, timeoutMs: 50, onAsk: () => new Promise((resolve) => (answer = () => resolve({ result: {} }))) });
    let isOver = false;
    call.catch(() => (isOver = true));
    while (!answer) await new Promise((resolve) => setImmediate(resolve));
    // The call has 50 ms and the runner's grace of a second: a call of its own that takes as long tells when they are up.
    run = () => new Promise(() => {});
    await expect(invoke({ callId: OTHER, timeoutMs: 50, onAsk: async () => ({ result: {} }) })).rejects.toMatchObject({ code: 'timeout' });
    expect(isOver).toBe(false);
    expect(cancelled).toEqual([OTHER]);
    answer?.();
    await expect(call).rejects.toMatchObject({ code: 'timeout', message: 'The server "files" did not answer tools/call within 50 ms.' });
    expect(cancelled).toEqual([OTHER, CALL]);
  });

  it('knows no question of a call that is not its own, or that can not be asked', async () => {
    await expect(ask(OTHER)).rejects.toMatchObject({ code: 'not_found' });
    run = async ({ callId }) => ({ result: { said: await ask(callId).catch((error: GatewayError) => error.code) } });
    expect(await invoke({})).toEqual({ result: { said: 'not_found' } });
  });

  it('tells the client when a question is taken back, and when its call is over', async () => {
    const withdrawn: string[] = [];
    const open: string[] = [];
    const onAsk: NonNullable<UpstreamCall['onAsk']> = (_method, _params, signal) => {
      const name = `question ${open.length + 1}`;
      open.push(name);
      signal?.addEventListener('abort', () => withdrawn.push(name));
      return new Promise(() => {});
    };
    run = async ({ callId }) => {
      const first = ask(callId, 'a').catch((error: GatewayError) => error.code);
      void ask(callId, 'b').catch(() => undefined);
      while (open.length < 2) await new Promise((resolve) => setImmediate(resolve));
      bus.publish(callAskWithdrawn, { callId, askId: 'a' }, { to: 'edge-1' });
      return { result: { first: await first, withdrawn: [...withdrawn] } };
    };
    expect(await invoke({ client, onAsk })).toEqual({ result: { first: 'cancelled', withdrawn: ['question 1'] } });
    expect(withdrawn).toEqual(['question 1', 'question 2']);
  });

  it('can be cancelled while a question is open', async () => {
    const gone = new AbortController();
    run = ({ callId }) => ask(callId);
    const call = invoke({ client, onAsk: () => (gone.abort(), new Promise(() => {})) }, gone.signal);
    await expect(call).rejects.toMatchObject({ code: 'cancelled' });
    expect(cancelled).toEqual([CALL]);
  });

  it('ends open questions when it closes', async () => {
    run = ({ callId }) => ask(callId);
    let asked: (() => void) | undefined;
    const isAsked = new Promise<void>((resolve) => (asked = resolve));
    const call = invoke({ client, onAsk: () => (asked?.(), new Promise(() => {})) });
    await isAsked;
    await Promise.all([upstream.close(), expect(call).rejects.toMatchObject({ code: 'cancelled' })]);
  });
});
