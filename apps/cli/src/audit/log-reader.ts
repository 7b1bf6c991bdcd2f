import { auditCheckpoints, auditEntries, auditHeads, type Checkpoint, type LoggedEntry } from '@mcpgw/contracts';
import type { AdminClient } from '../gateway/admin-client.js';
import { inPath } from '../perform.js';

export interface Head {
  readonly organization: string;
  readonly size: number;
  readonly rootHash: string;
}

export interface EntryPage {
  readonly entries: readonly LoggedEntry[];
  readonly size: number;
  readonly next: number;
}

const PAGE = 2_000;

/** The logs as the management API gives them: in pages, by index. */
export class LogReader {
  constructor(private readonly admin: AdminClient) {}

  async heads(organization?: string): Promise<readonly Head[]> {
    const { heads } = await this.admin.call('GET', 'audit/heads', auditHeads.reply);
    return heads.filter((head) => organization === undefined || head.organization === organization);
  }

  page(organization: string, from: number, options: { readonly since?: string | undefined; readonly limit?: number } = {}): Promise<EntryPage> {
    return this.admin.call('GET', inPath('audit', organization, 'entries'), auditEntries.reply, { query: { from, limit: options.limit ?? PAGE, since: options.since } });
  }

  checkpoints(organization: string, afterSize: number): Promise<{ readonly checkpoints: readonly Checkpoint[]; readonly verifierKey: string }> {
    return this.admin.call('GET', inPath('audit', organization, 'checkpoints'), auditCheckpoints.reply, { query: { afterSize } });
  }
}
