import type { Era } from '@mcpgw/contracts';
import { readDiscoverResult } from '@mcpgw/core-mcp-wire';
import type { Clock } from '@mcpgw/platform-runtime';
import type { LaunchSpec, Sandbox, SandboxProcess } from '../sandbox/sandbox.js';
import { inEnvelope } from './handshake.js';
import { StdioClient } from './stdio-client.js';

export interface ProbeOptions {
  readonly sandbox: Sandbox;
  readonly spec: LaunchSpec;
  readonly clock: Clock;
  readonly maxLineBytes: number;
  readonly timeoutMs: number;
  /** Ends a probe under way: the runner is stopping. */
  readonly signal: AbortSignal;
}

export interface Probed {
  readonly era: Era;
  /** Resolves when the probe's process is gone. Never rejects. */
  readonly ended: Promise<void>;
}

const TERMINATE_AFTER_MS = 250;
const KILL_AFTER_MS = 1_000;

/**
 * Finds out a server's era with `server/discover`, in a process of its own that is thrown away: some legacy servers end, others
 * hang, when anything comes before `initialize` (MCP 2026-07-28, basic/transports/stdio). Only an answer that is modern beyond
 * doubt says modern. Never rejects.
 */
export async function probeEra(options: ProbeOptions): Promise<Probed> {
  let process: SandboxProcess;
  try {
    process = await options.sandbox.launch(options.spec);
  } catch {
    return { era: 'legacy', ended: Promise.resolve() }; // The real start fails in the same way, and says why.
  }
  process.stderr.resume();
  process.stderr.on('error', () => {});
  const over = new AbortController();
  const client = new StdioClient({
    server: options.spec.server,
    stdin: process.stdin,
    stdout: process.stdout,
    clock: options.clock,
    redact: (value) => value,
    maxLineBytes: options.maxLineBytes,
    maxInFlight: 1,
    capabilities: () => ({}),
    isOwn: false,
    onViolation: () => over.abort(),
    onNotification: () => {},
  });
  void process.exited.then(() => over.abort());
  const era = await ask(client, options.timeoutMs, AbortSignal.any([over.signal, options.signal]));
  return { era, ended: end(process) };
}

async function ask(client: StdioClient, timeoutMs: number, signal: AbortSignal): Promise<Era> {
  try {
    const reply = await client.request('server/discover', inEnvelope({}), { timeoutMs, signal });
    return 'result' in reply && readDiscoverResult(reply.result).ok ? 'modern' : 'legacy';
  } catch {
    return 'legacy';
  }
}

/** Gently at first: the server may be in the middle of opening its files. */
async function end(process: SandboxProcess): Promise<void> {
  process.stdin.end();
  const terminate = setTimeout(() => process.terminate(), TERMINATE_AFTER_MS);
  const kill = setTimeout(() => process.kill(), KILL_AFTER_MS);
  await process.exited;
  clearTimeout(terminate);
  clearTimeout(kill);
}
