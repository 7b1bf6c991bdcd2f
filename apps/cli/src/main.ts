import { ConfigError } from '@mcpgw/platform-runtime/config';
import { CliError, EXIT } from './cli-error.js';
import { buildProgram } from './program.js';

// Whoever reads our output may stop reading: `mcpgw audit tail | head`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? EXIT.ok : EXIT.failed));

const program = buildProgram();
try {
  await program.parseAsync();
} catch (thrown) {
  const error = thrown instanceof CliError ? thrown : unexpected(thrown);
  process.stderr.write(`${error.message}\n`);
  if (program.opts<{ json?: boolean }>().json) process.stdout.write(`${JSON.stringify({ error: { code: error.code, message: error.message, ...(error.data ? { data: error.data } : {}) } }, null, 2)}\n`);
  process.exitCode = error.exitCode;
}

function unexpected(thrown: unknown): CliError {
  if (thrown instanceof ConfigError) return new CliError(thrown.message, { exitCode: EXIT.usage, code: 'usage' });
  return new CliError(thrown instanceof Error ? thrown.message : String(thrown), { code: 'internal', cause: thrown });
}
