import { Injectable } from '@nestjs/common';
import { isRequestId, quote, type RequestMessage } from '@mcpgw/core-mcp-wire';
import type { CallRecord } from '../call-tool/call-record.js';
import type { Admitted } from '../call-tool/door.js';
import { refuse, refuseByProtocol, type Refusal } from '../call-tool/refusal.js';
import { requestKey } from '../call-tool/running-calls.js';
import { isGoverned } from '../call-tool/wanted.js';
import { ACCEPTED, resultAnswer, type Answer } from '../http/answer.js';
import type { Exchange } from '../http/exchange.js';
import { Listens } from '../session/listens.js';
import { ResourceSubscriptions } from '../session/resource-subscriptions.js';
import { Cancellations } from './cancellations.js';
import { Handshakes } from './handshakes.js';
import { ListRequests } from './list-requests.js';

type Ended = Answer | Refusal;

/** What the gateway answers by itself, in both eras: handshakes, lists, pings, subscriptions, notifications. */
@Injectable()
export class PlainRequests {
  constructor(
    private readonly handshakes: Handshakes,
    private readonly lists: ListRequests,
    private readonly listens: Listens,
    private readonly subscriptions: ResourceSubscriptions,
    private readonly cancellations: Cancellations,
  ) {}

  /** Only `subscriptions/listen` takes long, and has its entry written before it does (`record.isWritten`). */
  answer(exchange: Exchange, admitted: Admitted, record: CallRecord): Ended | Promise<Ended> {
    const { message, era } = admitted;
    if (message.kind === 'response') return ACCEPTED;
    if (message.kind === 'notification') return this.notification(admitted, message.method, message.params);
    const listed = this.lists.answer(admitted, message, record.route);
    if (listed) return listed;
    return era === 'modern' ? this.modern(exchange, admitted, message, record) : this.legacy(admitted, message, record);
  }

  private modern(exchange: Exchange, admitted: Admitted, message: RequestMessage, record: CallRecord): Ended | Promise<Ended> {
    switch (message.method) {
      case 'server/discover':
        return this.handshakes.discover(admitted, message);
      case 'subscriptions/listen':
        return this.listens.open(exchange, admitted, message, record);
      default:
        return unknownMethod(message, 404);
    }
  }

  private legacy(admitted: Admitted, message: RequestMessage, record: CallRecord): Ended | Promise<Ended> {
    switch (message.method) {
      case 'initialize':
        return this.handshakes.initialize(admitted, message, record);
      case 'ping':
        return resultAnswer(message.id, '{}');
      case 'logging/setLevel':
        return this.handshakes.setLevel(admitted, message);
      case 'resources/subscribe':
      case 'resources/unsubscribe':
        return this.subscriptions.answer(admitted, message, record);
      default:
        return unknownMethod(message, 200);
    }
  }

  private notification({ era, subject, session }: Admitted, method: string, params: Readonly<Record<string, unknown>> | undefined): Ended {
    // A call that nobody waits for would run unseen; JSON-RPC gives it no answer, so it is refused as a request.
    if (isGoverned(method)) return refuse(null, 'invalid_request', `${quote(method)} needs an "id".`);
    const requestId = params?.['requestId'];
    if (method === 'notifications/cancelled' && era === 'legacy' && isRequestId(requestId)) this.cancellations.cancel(requestKey(subject, session?.id, requestId));
    return ACCEPTED;
  }
}

/** 404 is for the modern era, where the body tells it from a missing endpoint; a legacy client would take it for the end of its session. */
function unknownMethod({ id, method }: RequestMessage, http: 200 | 404): Refusal {
  return refuseByProtocol(id, http, { code: -32601, message: `Method not found: ${quote(method)}` });
}
