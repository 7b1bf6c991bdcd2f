import { billingSync, billingUsage, serviceStatus, USAGE_DIMENSIONS, type UsageRow } from '@mcpgw/contracts';
import type { Command } from 'commander';
import { z } from 'zod';
import { EXIT } from '../cli-error.js';
import { parseSince } from '../duration.js';
import { table } from '../output/table.js';
import { examples, perform } from '../perform.js';

const SYNC_DEADLINE_MS = 70_000;

export function addBillingCommands(program: Command): void {
  const usage = program
    .command('usage')
    .description('what was called, counted from the log')
    .option('--by <dimensions>', `joined by commas: ${USAGE_DIMENSIONS.join(', ')}`, 'tool')
    .option('--since <duration>', 'such as 24h, or an instant as ISO 8601')
    .option('--organization <name>');
  perform<{ by: string; since?: string; organization?: string }>(usage, async ({ gateway, out }, { by, since, organization }) => {
    const query = { by, organization, from: since === undefined ? undefined : parseSince(since, Date.now()) };
    const reply = await gateway.admin().call('GET', 'usage', billingUsage.reply, { query });
    out.result(reply, () => usageText(reply.rows, by.split(',')));
    if (!out.json && reply.lag > 0) out.note(`${reply.lag} entries of the log are not counted yet.`);
  });
  examples(usage, ['usage --by tool', 'usage --by consumer,hour --since 24h --organization acme']);

  const billing = program.command('billing').description('reporting to the billing provider');
  const sync = billing.command('sync').description('close every hour that is over and send what waits').option('--include-open-hour', 'report the running hour too');
  perform<{ includeOpenHour?: boolean }>(sync, async ({ gateway, out }, { includeOpenHour = false }) => {
    const reply = await gateway.admin().call('POST', 'billing/sync', billingSync.reply, { body: { includeOpenHour }, timeoutMs: SYNC_DEADLINE_MS });
    out.result(reply, () => [`${reply.windowsClosed} windows closed, ${reply.sent} sent, ${reply.pending} waiting, ${reply.failed.length} refused.`, ...reply.failed.map(({ identifier, reason }) => `refused ${identifier}: ${reason}`)].join('\n'));
    return reply.failed.length > 0 ? EXIT.failed : EXIT.ok;
  });
  examples(sync, ['billing sync']);

  const status = billing.command('status').description('how the billing service is');
  perform(status, async ({ gateway, out }) => {
    const { services } = await gateway.admin().call('GET', 'status', z.object({ services: z.array(serviceStatus) }));
    const own = services.find(({ service }) => service === 'billing');
    out.result(own ?? null, () => (own ? [`billing  ${own.ready ? 'ready' : 'not ready'}`, ...own.problems.map(({ message, action }) => `  ${message} ${action}`), ...Object.entries(own.details).map(([name, value]) => `  ${name}: ${JSON.stringify(value)}`)].join('\n') : 'There is no billing service.'));
  });
  examples(status, ['billing status --json']);
}

function usageText(rows: readonly UsageRow[], dimensions: readonly string[]): string {
  const head = [...dimensions.map((name) => name.toUpperCase()), 'CALLS', 'ERRORS', 'UNKNOWN', 'SECONDS', 'BYTES IN', 'BYTES OUT'];
  const keys = dimensions as readonly (keyof UsageRow)[];
  return table(head, rows.map((row) => [...keys.map((key) => row[key]), row.calls, row.errors, row.unknown, (row.durationMs / 1_000).toFixed(1), row.bytesIn, row.bytesOut]));
}
