import { EdgeSequences, exitCodeOf, parseVerifierKey, verifyLog, type Finding } from '@mcpgw/core-transparency-log';
import { CliError } from '../cli-error.js';
import type { Head, LogReader } from './log-reader.js';

export interface VerifyOptions {
  readonly organization?: string | undefined;
  /** A key known from elsewhere; the gateway's own otherwise. */
  readonly verifierKey?: string | undefined;
  readonly strict: boolean;
  readonly nowMs: number;
  readonly onProgress: (organization: string, done: number, size: number) => void;
}

export interface VerifyReport {
  readonly ok: boolean;
  readonly entries: number;
  readonly findings: readonly (Finding & { readonly organization?: string })[];
  readonly logs: readonly { readonly organization: string; readonly entries: number; readonly checkpoints: number; readonly rootHash: string }[];
}

/** A call may run for an hour, and its outcome may wait in a spool for a while. */
const OPEN_WINDOW_MS = 2 * 3_600_000;

/** Reads every log through the management API and checks it here, with nothing but its entries, its checkpoints and the key. */
export async function verifyLogs(reader: LogReader, options: VerifyOptions): Promise<VerifyReport> {
  const heads = await reader.heads(options.organization);
  if (heads.length === 0 && options.organization !== undefined) throw new CliError(`There is no log of an organization "${options.organization}" yet.`, { code: 'not_found' });
  // One epoch of an edge is spread over all logs: its numbers can be judged only when all are read.
  const sequences = options.organization === undefined ? new EdgeSequences() : undefined;
  const logs: VerifyReport['logs'][number][] = [];
  const findings: VerifyReport['findings'][number][] = [];
  for (const head of heads) {
    const report = await verifyOne(reader, head, sequences, options);
    logs.push({ organization: head.organization, entries: report.entries, checkpoints: report.checkpoints, rootHash: report.rootHash });
    findings.push(...report.findings.map((finding) => ({ organization: head.organization, ...finding })));
  }
  findings.push(...(sequences?.findings() ?? []));
  return { ok: findings.length === 0, entries: logs.reduce((sum, log) => sum + log.entries, 0), findings, logs };
}

export function exitCodeFor(report: VerifyReport): number {
  return exitCodeOf(report.findings);
}

async function verifyOne(reader: LogReader, { organization, size, rootHash }: Head, sequences: EdgeSequences | undefined, options: VerifyOptions): ReturnType<typeof verifyLog> {
  const first = await reader.checkpoints(organization, 0);
  const verifier = parseVerifierKey(options.verifierKey ?? first.verifierKey);
  const source = {
    entries: async (from: number) => {
      const { entries } = await reader.page(organization, from);
      options.onProgress(organization, from + entries.length, size);
      return entries;
    },
    checkpoints: async (afterSize: number) => (afterSize === 0 ? first.checkpoints : (await reader.checkpoints(organization, afterSize)).checkpoints),
  };
  return verifyLog(source, {
    organization,
    origin: originOf(organization),
    trustedKeys: [verifier],
    ...(sequences ? { sequences, sequencesBelow: size } : {}),
    expected: size > 0 ? [{ size, rootHash, saidBy: `head of the log at size ${size}` }] : [],
    nowMs: options.nowMs,
    openWindowMs: OPEN_WINDOW_MS,
    strict: options.strict,
  });
}

/** First line of a log's checkpoints: it ties them to one organization, so that another's can't be shown in their place. */
function originOf(organization: string): string {
  return `mcpgw/${organization}`;
}
