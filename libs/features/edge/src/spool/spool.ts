import { GatewayError, type EntryId } from '@mcpgw/contracts';
import type { Bus } from '@mcpgw/platform-bus';
import type { Clock, Health, Logger } from '@mcpgw/platform-runtime';
import type { EntryDraft, EntryWriter } from '../ports.js';

export interface SpoolOptions {
  /** Folder of its own, `<data dir>/edge/spool`; made with mode 0700. */
  readonly directory: string;
  readonly maxBytes: number;
  readonly bus: Pick<Bus, 'request'>;
  readonly health: Health;
  readonly logger: Logger;
  readonly clock: Clock;
}

export class Spool implements EntryWriter {
  constructor(readonly options: SpoolOptions) {}

  /** Recovers what an earlier run left and begins a new epoch. Never rejects: a disk that fails is reported to HEALTH and tried again each second. */
  async start(): Promise<void> {}

  async append(_draft: EntryDraft, _until: 'queued' | 'fsynced' | 'committed'): Promise<EntryId> {
    throw new GatewayError('spool_unavailable', 'The spool is not open.');
  }

  accepting(): boolean {
    return false;
  }

  /** Flushes, hands over what it can within `forwardMs`, closes. Call it after the last call has ended. */
  async close(_forwardMs = 3_000): Promise<void> {}
}
