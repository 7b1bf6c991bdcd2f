import { auditFind } from '@mcpgw/contracts';
import type { Command } from 'commander';
import { entryBlock, entryLine, entryValue } from '../audit/entry-text.js';
import { LogReader } from '../audit/log-reader.js';
import { tail } from '../audit/tail.js';
import { exitCodeFor, verifyLogs, type VerifyReport } from '../audit/verify.js';
import { CliError, EXIT } from '../cli-error.js';
import { parseSince } from '../duration.js';
import { count } from '../output/table.js';
import { examples, inPath, perform } from '../perform.js';

const LAST = 20;
const PROGRESS_MS = 2_000;

export function addAuditCommands(program: Command): void {
  const audit = program.command('audit').description('the log of every call');
  const tailing = audit
    .command('tail')
    .description(`entries as they were logged; the last ${LAST} of each log without --since`)
    .option('--organization <name>')
    .option('--since <duration>', 'such as 5m, or an instant as ISO 8601')
    .option('-f, --follow', 'go on with new entries until Ctrl-C');
  perform<{ organization?: string; since?: string; follow?: boolean }>(tailing, async ({ gateway, out }, { organization, since, follow = false }) => {
    const stop = new AbortController();
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
    const options = { organization, follow, last: LAST, since: since === undefined ? undefined : parseSince(since, Date.now()) };
    for await (const entry of tail(new LogReader(gateway.admin()), options, stop.signal)) {
      if (stop.signal.aborted) return;
      out.line(out.json ? JSON.stringify(entryValue(entry)) : entryLine(entry));
    }
  });
  examples(tailing, ['audit tail --since 5m', 'audit tail -f --organization acme', 'audit tail --since 1h --json | jq .phase']);

  const show = audit.command('show').argument('<id>', 'id of a call or of one of its entries').description('all entries of a call');
  perform(show, async ({ gateway, out }, _options, [id = '']) => {
    if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(id)) throw new CliError(`"${id}" is no id of a call or entry. mcpgw audit tail shows them at the end of each line.`, { exitCode: EXIT.usage, code: 'usage' });
    const { entries } = await gateway.admin().call('GET', inPath('audit', 'calls', id), auditFind.reply);
    if (entries.length === 0) throw new CliError(`No entry belongs to ${id}.`, { code: 'not_found' });
    out.result({ entries: entries.map((entry) => ({ ...entryValue(entry), leafHash: entry.leafHash })) }, () => entries.map(entryBlock).join('\n\n'));
  });
  examples(show, ['audit show 01890a5d-ac96-774b-bcce-b302099a8057']);
  addVerify(audit);
}

function addVerify(audit: Command): void {
  const verify = audit
    .command('verify')
    .description('check here that no entry was changed, removed or added; exits with the code of the first finding')
    .option('--organization <name>')
    .option('--verifier-key <key>', "the log's public key, known from elsewhere; else the gateway's own word for it")
    .option('--strict', 'every call without an outcome is a finding, also one under way');
  perform<{ organization?: string; verifierKey?: string; strict?: boolean }>(verify, async ({ gateway, out }, { organization, verifierKey, strict = false }) => {
    let saidAt = Date.now();
    const onProgress = (log: string, done: number, size: number): void => {
      if (Date.now() - saidAt < PROGRESS_MS) return;
      saidAt = Date.now();
      out.note(`${log}: ${done} of ${Math.max(size, done)} entries`);
    };
    const report = await verifyLogs(new LogReader(gateway.admin()), { organization, verifierKey, strict, nowMs: Date.now(), onProgress });
    out.result(report, () => reportText(report));
    return exitCodeFor(report);
  });
  examples(verify, ['audit verify', 'audit verify --organization acme --json']);
}

function reportText({ ok, entries, findings, logs }: VerifyReport): string {
  const each = logs.map((log) => `${log.organization}: ${count(log.entries, 'entry', 'entries')}, ${count(log.checkpoints, 'checkpoint')}, root ${log.rootHash.slice(0, 16)}`);
  const found = findings.map((finding) => `${finding.code}${finding.organization === undefined ? '' : ` in ${finding.organization}`}: ${finding.message}`);
  return [...each, ...found, ok ? `Verified: ${count(entries, 'entry', 'entries')}, nothing found.` : `${count(findings.length, 'finding')}.`].join('\n');
}
