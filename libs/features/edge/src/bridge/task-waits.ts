import { Inject, Injectable } from '@nestjs/common';
import { GatewayError, type UpstreamClient, type UpstreamReply } from '@mcpgw/contracts';
import { isObject, progressTokenOf, readTaskId, type JsonObject } from '@mcpgw/core-mcp-wire';
import { CLOCK, type Clock } from '@mcpgw/platform-runtime';
import { Invoker, relay } from '../call-tool/invoker.js';
import type { Trip } from '../call-tool/trip.js';
import { broken } from './modern-results.js';
import { pause } from './waiting.js';

const DEFAULT_POLL_MS = 1_000;
const MIN_POLL_MS = 100;
const MAX_POLL_MS = 30_000;
/** Longest time that a client's plain call waits for a task; the intent of a call is closed after twice that. */
const LONGEST_MS = 3_600_000;
/** For telling a server that its task is not wanted any more. */
const CANCEL_MS = 5_000;
const MAX_STATUS_CHARACTERS = 1_024;

/** The client's answers to what a server asked, or why there are none. */
export type Answers = { readonly inputResponses: JsonObject } | { readonly unanswered: string };
type Ask = (result: JsonObject) => Promise<Answers>;

/** A task of a modern server as a legacy client sees it: a call that takes its time, with progress (SEP-2663). */
@Injectable()
export class TaskWaits {
  constructor(
    private readonly invoker: Invoker,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** The task's own result. When the client goes, the task is cancelled. */
  async until(trip: Trip, created: JsonObject, client: UpstreamClient | undefined, signal: AbortSignal, ask: Ask): Promise<UpstreamReply> {
    const taskId = readTaskId(created['taskId']);
    if (taskId === undefined) throw broken(trip, 'its task has no id');
    const call = (method: string, more: JsonObject = {}, stop: AbortSignal = signal): Promise<UpstreamReply> => this.invoker.send(trip, stop, { client, method, params: { ...metaFor(trip), taskId, ...more } });
    let isDone = false;
    try {
      const reply = await this.poll(trip, created, signal, call, ask);
      isDone = true;
      return reply;
    } finally {
      if (!isDone) void call('tasks/cancel', {}, AbortSignal.timeout(CANCEL_MS)).catch(() => undefined);
    }
  }

  private async poll(trip: Trip, created: JsonObject, signal: AbortSignal, call: (method: string, more?: JsonObject) => Promise<UpstreamReply>, ask: Ask): Promise<UpstreamReply> {
    const giveUpAt = this.clock.now() + LONGEST_MS;
    const answered = new Set<string>();
    let task = created;
    for (let poll = 1; ; poll++) {
      await pause(pollMs(task), signal);
      if (signal.aborted) throw new GatewayError('cancelled', 'The call was cancelled.');
      if (this.clock.now() > giveUpAt) throw new GatewayError('timeout', `The server "${trip.wanted.destination.server.config.name}" did not finish its task within an hour.`);
      const reply = await call('tasks/get');
      if ('error' in reply) return reply;
      task = reply.result;
      progress(trip, task, poll);
      const settled = settledReply(trip, task);
      if (settled) return settled;
      if (task['status'] !== 'input_required') continue;
      const answers = await ask(newQuestions(task, answered));
      if ('unanswered' in answers) throw new GatewayError('upstream_failed', `The task of the server "${trip.wanted.destination.server.config.name}" needs more input, but ${answers.unanswered}.`);
      for (const key of Object.keys(answers.inputResponses)) answered.add(key);
      if (Object.keys(answers.inputResponses).length > 0) await call('tasks/update', answers);
    }
  }
}

/** A task may still show what was answered a moment ago: nobody is asked the same twice. The empty state stands for "nothing new". */
function newQuestions(task: JsonObject, answered: ReadonlySet<string>): JsonObject {
  const requests = isObject(task['inputRequests']) ? task['inputRequests'] : {};
  return { requestState: '', inputRequests: Object.fromEntries(Object.entries(requests).filter(([key]) => !answered.has(key))) };
}

function settledReply(trip: Trip, task: JsonObject): UpstreamReply | undefined {
  switch (task['status']) {
    case 'working':
    case 'input_required':
      return undefined;
    case 'completed':
      if (isObject(task['result'])) return { result: { ...task['result'] } };
      throw broken(trip, 'its task is completed and has no result');
    case 'failed': {
      const error = task['error'];
      if (isObject(error) && Number.isSafeInteger(error['code']) && typeof error['message'] === 'string') return { error: { code: error['code'] as number, message: error['message'], ...(error['data'] === undefined ? {} : { data: error['data'] }) } };
      throw broken(trip, 'its task has failed and does not say why');
    }
    case 'cancelled':
      throw new GatewayError('upstream_lost', `The server "${trip.wanted.destination.server.config.name}" cancelled the task.`);
    default:
      throw broken(trip, 'its task is in a state that nobody knows');
  }
}

function progress({ exchange, params }: Trip, { status, statusMessage }: JsonObject, poll: number): void {
  const progressToken = progressTokenOf(params);
  if (progressToken === undefined) return;
  const message = typeof statusMessage === 'string' ? statusMessage.slice(0, MAX_STATUS_CHARACTERS) : String(status);
  relay(exchange, undefined, 'notifications/progress', { progressToken, progress: poll, message });
}

function pollMs({ pollIntervalMs }: JsonObject): number {
  const wanted = typeof pollIntervalMs === 'number' && pollIntervalMs > 0 ? pollIntervalMs : DEFAULT_POLL_MS;
  return Math.min(Math.max(wanted, MIN_POLL_MS), MAX_POLL_MS);
}

/** Trace context and the like go along; the progress of a task is not told by notifications. */
function metaFor({ wanted }: Trip): JsonObject {
  const meta = wanted.params['_meta'];
  if (!isObject(meta)) return {};
  const { progressToken: _progressToken, ...rest } = meta;
  return { _meta: rest };
}
