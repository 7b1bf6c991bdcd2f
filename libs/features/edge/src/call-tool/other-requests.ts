import { Injectable } from '@nestjs/common';
import { isTaskMethod } from '@mcpgw/core-mcp-wire';
import { Pushes } from '../bridge/pushes.js';
import { TaskCalls } from '../bridge/task-calls.js';
import { ACCEPTED, type Answer } from '../http/answer.js';
import type { Exchange } from '../http/exchange.js';
import { PlainRequests } from '../requests/plain-requests.js';
import type { CallRecord } from './call-record.js';
import type { Admitted } from './door.js';
import { Journal } from './journal.js';
import type { Refusal } from './refusal.js';

/** Messages that call no tool, prompt or resource: answers to what a client was asked, its tasks, and what the gateway answers by itself. */
@Injectable()
export class OtherRequests {
  constructor(
    private readonly requests: PlainRequests,
    private readonly pushes: Pushes,
    private readonly tasks: TaskCalls,
    private readonly journal: Journal,
  ) {}

  async handle(exchange: Exchange, record: CallRecord, admitted: Admitted): Promise<Answer | Refusal> {
    const { message } = admitted;
    if (message.kind === 'response') {
      this.pushes.answered(admitted, message);
      return ACCEPTED;
    }
    if (message.kind === 'request' && isTaskMethod(message.method)) return this.tasks.handle(exchange, record, admitted, message);
    // Lists, handshakes and the like never leave the gateway.
    const answer = await this.requests.answer(exchange, admitted, record);
    if ('kind' in answer || message.kind !== 'request' || record.isWritten) return answer;
    return this.journal.answered(record, answer);
  }
}
