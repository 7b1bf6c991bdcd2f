import { Injectable } from '@nestjs/common';
import { GatewayError, toGatewayError, type UpstreamReply } from '@mcpgw/contracts';
import { MISSING_CLIENT_CAPABILITY, resultTypeOf, type RequestId } from '@mcpgw/core-mcp-wire';
import { errorAnswer, resultAnswer, rpcErrorOf, type Answer } from '../http/answer.js';
import type { Outcome } from './call-record.js';
import { Journal } from './journal.js';
import { errorFor, resultFor } from './translate-back.js';
import type { Trip } from './trip.js';

/** How a trip ended: the server's reply, or the fault that there is instead. */
export type Arrival = UpstreamReply | { readonly thrown: unknown };

interface Rendered {
  readonly answer: Answer;
  readonly outcome: Outcome;
  readonly fault?: GatewayError;
}

const MAX_RESULT_TYPE_CHARACTERS = 32;

/** What MCP 2026-07-28 ties to a code (streamable HTTP, errors). Every other error of a server travels with 200. */
const MODERN_STATUSES: Readonly<Record<number, number>> = { [MISSING_CLIENT_CAPABILITY]: 400, [-32601]: 404 };

/** Steps 8 and 9 of a call: its answer in the caller's names and words, and how it ended. */
@Injectable()
export class Ending {
  constructor(private readonly journal: Journal) {}

  /** Once for each trip: this writes its outcome. */
  end(trip: Trip, arrival: Arrival, id: RequestId = trip.id): Answer {
    const { answer, outcome, fault } = render(trip, arrival, id);
    this.journal.outcome(trip.record, trip.intentId, answer, outcome, fault);
    return answer;
  }

  /** An answer that asks for more: nothing has ended. */
  round({ record }: Trip, answer: Answer): Answer {
    return this.journal.round(record, answer);
  }

  /** The answer to another request of what was written down before. */
  repeat(trip: Trip, arrival: Arrival, id: RequestId): Answer {
    return render(trip, arrival, id).answer;
  }
}

function render(trip: Trip, arrival: Arrival, id: RequestId): Rendered {
  const { record, admitted, method, wanted, params, headers } = trip;
  if ('thrown' in arrival) return faulty(trip, arrival.thrown, id);
  if ('error' in arrival) {
    const error = errorFor(admitted.era, method, arrival.error, params);
    const answer = errorAnswer(id, (admitted.era === 'modern' ? MODERN_STATUSES[error.code] : undefined) ?? 200, error, headers);
    return { answer, outcome: record.outcome('error', String(error.code), bytesOf(answer)) };
  }
  const { result } = arrival;
  let text: string;
  try {
    text = JSON.stringify(resultFor(admitted.era, method, admitted.endpoint, wanted, result));
  } catch (cause) {
    // Nested deeper than the stack: the call has run, so it must end here and not as a fault before it.
    return faulty(trip, new GatewayError('upstream_lost', `The server "${wanted.destination.server.config.name}" answered with something that can't be passed on.`, { cause }), id);
  }
  const answer = resultAnswer(id, text, headers);
  const type = resultTypeOf(result);
  const code = type === 'complete' ? undefined : type.slice(0, MAX_RESULT_TYPE_CHARACTERS);
  return { answer, outcome: record.outcome(result['isError'] === true ? 'tool_error' : 'ok', code, bytesOf(answer), text) };
}

function faulty({ record, headers }: Trip, thrown: unknown, id: RequestId): Rendered {
  const fault = toGatewayError(thrown);
  const answer = errorAnswer(id, 200, rpcErrorOf(fault), headers);
  return { answer, outcome: record.outcome('error', fault.code, bytesOf(answer)), fault };
}

function bytesOf(answer: Answer): number {
  return answer.body === undefined ? 0 : Buffer.byteLength(answer.body);
}
