import type { EntryId } from '@mcpgw/contracts';
import type { RequestId } from '@mcpgw/core-mcp-wire';
import type { Exchange } from '../http/exchange.js';
import type { CallRecord } from './call-record.js';
import type { Admitted } from './door.js';
import type { GovernedMethod, Wanted } from './wanted.js';

/** A call that may be made: decided, written down, and not yet sent. */
export interface Trip {
  readonly exchange: Exchange;
  readonly record: CallRecord;
  readonly admitted: Admitted;
  readonly id: RequestId;
  readonly method: GovernedMethod;
  readonly wanted: Wanted;
  /** As the client sent them. */
  readonly params: Readonly<Record<string, unknown>>;
  /** Names the call for a `notifications/cancelled` of its client. */
  readonly key: string;
  readonly intentId: EntryId;
  /** Of the answer: what is left of the limits. */
  readonly headers: Readonly<Record<string, string>>;
}
