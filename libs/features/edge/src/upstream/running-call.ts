import type { CallDeadline } from './call-deadline.js';
import type { HttpCall } from './http-channel.js';

/** A call under way on a session, under our own request id. */
export class RunningCall {
  /** Questions that its server has asked so far. */
  asks = 0;

  constructor(
    readonly id: number,
    readonly call: HttpCall,
    readonly deadline: CallDeadline,
  ) {}
}
