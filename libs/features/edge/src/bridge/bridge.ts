import { Injectable } from '@nestjs/common';
import type { CallRecord } from '../call-tool/call-record.js';
import type { Admitted } from '../call-tool/door.js';
import { Journal } from '../call-tool/journal.js';
import { refuseByProtocol, type Refusal } from '../call-tool/refusal.js';
import type { Trip } from '../call-tool/trip.js';
import type { GovernedMethod, Wanted } from '../call-tool/wanted.js';
import type { Answer } from '../http/answer.js';
import { Crossing } from './crossing.js';
import { FlowRoutes, type Return } from './flow-routes.js';
import { RequestStates, type Entering } from './request-states.js';

/** What makes one call of several requests, and of each era's words the other's. */
@Injectable()
export class Bridge {
  constructor(
    private readonly crossing: Crossing,
    private readonly routes: FlowRoutes,
    private readonly states: RequestStates,
    private readonly journal: Journal,
  ) {}

  /** Whether the request begins something or goes on with it. */
  enter(admitted: Admitted, method: GovernedMethod, wanted: Wanted): Entering {
    return this.states.enter(admitted, method, wanted);
  }

  /** Steps 7 to 9 of a call. Never rejects: what was begun ends by an outcome. */
  cross(trip: Trip): Promise<Answer> {
    return this.crossing.cross(trip);
  }

  /** The client is back with what it was asked. The call that it goes on with has its own entries. */
  async resume(record: CallRecord, back: Return, { state, responses }: Extract<Entering, { kind: 'flow' }>): Promise<Answer | Refusal> {
    const answer = await this.routes.resume(back, state, responses);
    return answer ? this.journal.round(record, answer) : invalidState(back.id);
  }
}

/** One answer for all: foreign, altered, expired, used up. */
export function invalidState(id: Trip['id']): Refusal {
  return refuseByProtocol(id, 200, { code: -32602, message: 'Invalid or expired requestState' });
}
