import { billingStatus, billingSync, billingUsage, type ServiceStatus, type UsageRow } from '@mcpgw/contracts';
import { HandleRpc } from '@mcpgw/platform-bus';
import { Controller, Inject } from '@nestjs/common';
import { BillingService } from './billing.service.js';
import type { UsageQuery } from './report-usage/report-usage.js';
import type { SyncReply } from './settle-accounts.js';

@Controller()
export class BillingController {
  constructor(@Inject(BillingService) private readonly billing: BillingService) {}

  @HandleRpc(billingUsage)
  async usage(query: UsageQuery): Promise<{ rows: UsageRow[]; lag: number }> {
    return this.billing.usage(query);
  }

  @HandleRpc(billingSync)
  async sync({ includeOpenHour }: { includeOpenHour: boolean }): Promise<SyncReply> {
    return this.billing.sync(includeOpenHour);
  }

  @HandleRpc(billingStatus)
  async status(): Promise<ServiceStatus> {
    return this.billing.status();
  }
}
