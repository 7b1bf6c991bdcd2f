import { LineDecoder } from '@mcpgw/core-mcp-wire';
import type { StdioBridge } from './bridge.js';

const MAX_LINE_BYTES = 16 * 1_048_576;
const DRAIN_MS = 10_000;

/**
 * Feeds standard input to the bridge until it ends or `stop` comes, then ends in order: after the end of input, answers that
 * are still to come are waited for; after a signal they are not. Answers false when a line was too long to be a message.
 */
export async function serveStdio(bridge: StdioBridge, stop: AbortSignal, write: (line: string) => Promise<void>): Promise<boolean> {
  const decoder = new LineDecoder({ maxLineBytes: MAX_LINE_BYTES });
  const end = (): void => void process.stdin.destroy();
  stop.addEventListener('abort', end);
  try {
    if (stop.aborted) return true;
    for await (const chunk of process.stdin) {
      for (const line of decoder.push(chunk as Buffer)) await bridge.accept(line);
      if (decoder.overflowed) {
        await write(JSON.stringify({ jsonrpc: '2.0', id: null, error: { code: -32600, message: 'A line is longer than 16 MiB; what follows can not be read.' } }));
        return false;
      }
    }
    // A last line without its line end is a message too.
    for (const line of decoder.push(Buffer.from('\n'))) await bridge.accept(line);
    return true;
  } catch (error) {
    if (stop.aborted) return true;
    throw error;
  } finally {
    stop.removeEventListener('abort', end);
    await bridge.close(stop.aborted ? 0 : DRAIN_MS);
  }
}

/** Standard output carries protocol only. Resolves when the client has taken what came before. */
export function writeLine(line: string): Promise<void> {
  return new Promise((resolve) => {
    process.stdout.write(`${line}\n`, () => resolve());
  });
}
