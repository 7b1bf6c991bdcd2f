import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { pino, type Logger as PinoLogger } from 'pino';

/** Structured log, JSON lines. Never arguments, tokens or payloads. `error` means: wake somebody. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  child(fields: object): Logger;
}

export const LOGGER = Symbol('Logger');

/** Standard output belongs to protocols and people; the log goes to standard error or a file (0600). */
export function createLogger(service: string, options: { readonly logLevel: string; readonly logFile?: string | undefined }): Logger {
  if (options.logFile) mkdirSync(path.dirname(options.logFile), { recursive: true });
  const destination = pinoDestination(options.logFile);
  const logger: PinoLogger = pino({ level: options.logLevel, base: { process: service }, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: (label) => ({ level: label }) } }, destination);
  return logger;
}

const BATCH_BYTES = 16_000;
const FLUSH_MS = 100;

/** Written in the background and many lines at a time, or a slow disk would hold up calls; what is still in memory is written when the process exits. */
function pinoDestination(file: string | undefined): ReturnType<typeof pino.destination> {
  const destination = pino.destination({ sync: false, minLength: BATCH_BYTES, periodicFlush: FLUSH_MS, ...(file ? { dest: file, append: true, mode: 0o600 } : { dest: 2 }) });
  process.once('exit', () => {
    try {
      destination.flushSync();
    } catch {
      // not open yet, or the reader is gone: nobody is left to tell
    }
  });
  return destination;
}

/** A logger that keeps nothing, for specs and tools. */
export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => silentLogger };
