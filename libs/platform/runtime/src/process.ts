import { connectNatsBus, MemoryBus, type Bus } from '@mcpgw/platform-bus';
import type { DynamicModule } from '@nestjs/common';
import type { z } from 'zod';
import { commonConfig, ConfigError, loadConfig, type CommonConfig } from './config.js';
import { createLogger, type Logger } from './logger.js';
import { createContext, startService, type ListenOptions, type ServiceName } from './service.js';
import { startTelemetry } from './telemetry.js';

export interface ServiceBlueprint {
  readonly module: DynamicModule;
  readonly listen?: ListenOptions;
}

/** The bus that the configuration names; waits for a NATS server as long as it takes, and says so. */
export function openBus(config: Pick<CommonConfig, 'natsUrl'>, name: string, logger: Logger, signal?: AbortSignal): Promise<Bus> {
  const onFault = (error: unknown, subject: string): void => logger.error({ err: error, subject }, 'a message handler failed');
  if (!config.natsUrl) return Promise.resolve(new MemoryBus(onFault));
  return connectNatsBus({ url: config.natsUrl, name: `mcpgw-${name}`, onFault, onWaiting: (message) => logger.warn({}, message), ...(signal ? { signal } : {}) });
}

/**
 * One service as a process of its own: reads its configuration, waits for the bus, serves, and ends in order on SIGTERM or
 * SIGINT. A fault of the configuration prints every fault and exits with 2; `--check` only validates.
 */
export async function runService<Shape extends z.ZodRawShape>(
  name: ServiceName,
  schema: z.ZodObject<Shape>,
  compose: (config: z.output<z.ZodObject<Shape>>, common: CommonConfig) => ServiceBlueprint,
  prepare?: (config: z.output<z.ZodObject<Shape>>, logger: Logger, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  await runProcess(name, async (logger, common, signal) => {
    const config = loadConfig(schema);
    if (!common.natsUrl) throw new ConfigError([`MCPGW_NATS_URL: is not set. A service of its own talks to the others over NATS; set it to nats://host:port, or run everything in one process with "npm start".`]);
    if (process.argv.includes('--check')) return undefined;
    const bus = await openBus(common, name, logger, signal);
    const context = createContext(name, bus, logger, common);
    const telemetry = await startTelemetry({ service: name, host: common.metricsHost, port: common.metricsPort, allowedHosts: common.metricsAllowedHosts, otlpEndpoint: common.otlpEndpoint, statuses: () => [context.health.status()], logger });
    await prepare?.(config, logger, signal);
    const { module, listen } = compose(config, common);
    const running = await startService(context, module, listen);
    logger.info({ url: running.url, metrics: telemetry.url }, `${name} is up`);
    return async () => {
      await running.close();
      await bus.close();
      await telemetry.close();
    };
  });
}

const EXIT_CONFIG = 2;
const STOP_DEADLINE_MS = 30_000;

/** Runs `start`, then waits for a signal and runs what it returned. A second signal ends at once. */
export async function runProcess(name: string, start: (logger: Logger, common: CommonConfig, signal: AbortSignal) => Promise<(() => Promise<void>) | undefined>): Promise<void> {
  let logger = createLogger(name, { logLevel: 'info' });
  const abort = new AbortController();
  const signalled = new Promise<NodeJS.Signals>((resolve) => {
    let count = 0;
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        if ((count += 1) > 1) process.exit(1);
        abort.abort(new Error(`stopped by ${signal}`));
        resolve(signal);
      });
    }
  });
  try {
    const common = loadConfig(commonConfig);
    logger = createLogger(name, common);
    const stop = await start(logger, common, abort.signal);
    if (!stop) return void process.stdout.write(`The configuration of ${name} is valid.\n`);
    const signal = await signalled;
    logger.info({ signal }, 'stopping');
    const timer = setTimeout(() => process.exit(1), STOP_DEADLINE_MS);
    await stop();
    clearTimeout(timer);
    logger.info({}, 'stopped');
    process.exit(0);
  } catch (error) {
    if (error instanceof ConfigError) {
      process.stderr.write(`${error.message}\n`);
      process.exit(EXIT_CONFIG);
    }
    if (abort.signal.aborted) process.exit(0);
    logger.error({ err: error }, `${name} could not start`);
    process.exit(1);
  }
}
