import type { CallRecord } from '../call-tool/call-record.js';
import type { Door } from '../call-tool/door.js';
import { subjectOf } from '../authn/principal.js';
import type { Look } from './change-streams.js';

/** What the sender of a request sees by now: its credential is proven again each time. `stillHolds` may end it for another reason. */
export function lookOf(door: Door, authorization: string | undefined, route: string | undefined, subject: string, record: CallRecord, stillHolds: () => boolean | Promise<boolean> = () => true): Look {
  return async () => {
    const recognised = await door.recognise(authorization, record);
    if (recognised.kind === 'refusal' || subjectOf(recognised.principal) !== subject || !(await stillHolds())) return undefined;
    const endpoint = recognised.organization.endpoint(route);
    return endpoint && { principal: recognised.principal, endpoint };
  };
}
