import { Controller, Inject } from '@nestjs/common';
import { auditAppend, auditCheckpoints, auditEntries, auditFind, auditHeads, auditStatus, entryId, GatewayError, type AuditEntry, type Checkpoint, type LoggedEntry, type OrganizationName, type ServiceStatus } from '@mcpgw/contracts';
import { HandleRpc } from '@mcpgw/platform-bus';
import { HEALTH, Health } from '@mcpgw/platform-runtime';
import { AppendBatch, type Receipt } from './append/append-batch.js';
import type { AppendRequest } from './append/parse-batch.js';
import { Checkpoints } from './checkpoints/checkpoints.js';
import { ReadLog } from './read/read-log.js';

@Controller()
export class AuditController {
  constructor(
    @Inject(HEALTH) private readonly health: Health,
    private readonly appendBatch: AppendBatch,
    private readonly log: ReadLog,
    private readonly signed: Checkpoints,
  ) {}

  @HandleRpc(auditAppend)
  append(request: AppendRequest): Promise<Receipt> {
    return this.appendBatch.run(request);
  }

  @HandleRpc(auditHeads)
  async heads(): Promise<{ heads: { organization: OrganizationName; size: number; rootHash: string }[] }> {
    return { heads: await this.log.heads() };
  }

  @HandleRpc(auditEntries)
  entries(query: { organization: OrganizationName; from: number; limit: number; since?: string }): Promise<{ entries: LoggedEntry[]; size: number; next: number }> {
    if (query.since !== undefined && Number.isNaN(Date.parse(query.since))) throw new GatewayError('invalid_params', `"${query.since}" is no time: write it as 2026-11-22T10:00:00Z.`);
    return this.log.entries(query);
  }

  @HandleRpc(auditFind)
  async find(query: { id: string; organization?: OrganizationName }): Promise<{ entries: (LoggedEntry & { organization: AuditEntry['organization'] })[] }> {
    const id = query.id.toLowerCase();
    if (!entryId.safeParse(id).success) throw new GatewayError('invalid_params', `"${query.id}" is neither an entry id nor a call id: both are UUIDs as \`mcpgw audit tail\` shows them.`);
    return { entries: await this.log.find(id, query.organization) };
  }

  @HandleRpc(auditCheckpoints)
  async checkpoints(query: { organization: OrganizationName; afterSize: number; limit: number }): Promise<{ checkpoints: Checkpoint[]; verifierKey: string }> {
    return { checkpoints: await this.log.checkpoints(query.organization, query.afterSize, query.limit), verifierKey: this.signed.verifierKey() };
  }

  @HandleRpc(auditStatus)
  async status(): Promise<ServiceStatus> {
    return this.health.status();
  }
}
