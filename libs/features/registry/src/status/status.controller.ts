import { Controller, Inject } from '@nestjs/common';
import { registryStatus, type ServiceStatus } from '@mcpgw/contracts';
import { HandleRpc } from '@mcpgw/platform-bus';
import { HEALTH, Health } from '@mcpgw/platform-runtime';
import { Database } from '../store/database.js';

/** More failed servers than these are counted and not listed. */
const MAX_LISTED = 100;

@Controller()
export class StatusController {
  constructor(
    @Inject(HEALTH) private readonly health: Health,
    @Inject(Database) private readonly database: Database,
  ) {}

  /** Answers without Postgres too: then only what this process knows of itself. */
  @HandleRpc(registryStatus)
  async status(): Promise<ServiceStatus> {
    const servers = await this.servers().catch(() => undefined);
    const own = this.health.status();
    if (!servers) return own;
    return { ...own, problems: [...own.problems, ...servers.problems], details: { ...own.details, servers: servers.byState } };
  }

  private async servers(): Promise<{ problems: ServiceStatus['problems']; byState: Record<string, number> }> {
    const [groups, troubled] = await this.database.query((client) =>
      Promise.all([
        client.server.groupBy({ by: ['state'], _count: true }),
        client.server.findMany({ where: { problem: { not: null } }, select: { organization: true, name: true, problem: true }, orderBy: [{ organization: 'asc' }, { name: 'asc' }], take: MAX_LISTED }),
      ]),
    );
    return {
      byState: { pending: 0, ready: 0, failed: 0, ...Object.fromEntries(groups.map((group) => [group.state, group._count])) },
      problems: troubled.map((row) => ({
        component: `server ${row.organization}/${row.name}`,
        message: row.problem ?? '',
        action: `It is asked again by itself. Correct its configuration and apply it, or ask at once: mcpgw server refresh ${row.name} --organization ${row.organization}`,
      })),
    };
  }
}
