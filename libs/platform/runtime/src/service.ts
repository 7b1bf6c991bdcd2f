import { randomUUID } from 'node:crypto';
import path from 'node:path';
import type { DynamicModule } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { BusTransport, PassFaults, type Bus } from '@mcpgw/platform-bus';
import { CLOCK, systemClock, type Clock } from './clock.js';
import type { CommonConfig } from './config.js';
import { Health, HEALTH } from './health.js';
import { KEY_FILES, KeyFiles } from './key-files.js';
import { LOGGER, type Logger } from './logger.js';

export const BUS = Symbol('Bus');

/** What every feature module is given; the tokens BUS, LOGGER, HEALTH, CLOCK and KEY_FILES inject its parts. */
export interface ServiceContext {
  readonly bus: Bus;
  readonly logger: Logger;
  readonly health: Health;
  readonly clock: Clock;
  readonly keyFiles: KeyFiles;
}

export type ServiceName = 'edge' | 'registry' | 'policy' | 'audit' | 'billing' | 'runner' | 'admin';

export function createContext(service: ServiceName, bus: Bus, logger: Logger, config: Pick<CommonConfig, 'dataDir' | 'keysDir'>): ServiceContext {
  const instance = `${service}-${randomUUID().slice(0, 8)}`;
  return {
    bus,
    logger: logger.child({ service, instance }),
    health: new Health(service, instance, new Date()),
    clock: systemClock,
    keyFiles: new KeyFiles(config.keysDir ?? path.join(config.dataDir, 'keys')),
  };
}

export interface RunningService {
  readonly health: Health;
  /** Where its own port listens, for services that have one. */
  readonly url: string | undefined;
  /** Stops taking work, finishes what is under way within the deadline, closes. */
  close(): Promise<void>;
}

export interface ListenOptions {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** Unix socket instead of host and port. */
  readonly socketPath?: string | undefined;
  /** Largest request body in bytes that Fastify reads. */
  readonly bodyLimit: number;
}

const CLOSE_DEADLINE_MS = 15_000;

/**
 * Composes one feature module into a Nest application, serves its controllers on the bus and, with `listen`, its raw
 * Fastify routes on a port. The module is a `forRoot(config)`; the context's parts are provided to it here.
 */
export async function startService(context: ServiceContext, module: DynamicModule, listen?: ListenOptions): Promise<RunningService> {
  const adapter = new FastifyAdapter({ bodyLimit: listen?.bodyLimit ?? 1_048_576, forceCloseConnections: true, routerOptions: { maxParamLength: 512 } });
  const app = await NestFactory.create<NestFastifyApplication>(withContext(context, module), adapter, { logger: false, abortOnError: false, bodyParser: false });
  // Before connectMicroservice, which binds the controllers with the filters that are known by then.
  app.useGlobalFilters(new PassFaults());
  app.connectMicroservice({ strategy: new BusTransport(context.bus) }, { inheritAppConfig: true });
  await app.startAllMicroservices();
  let url: string | undefined;
  if (listen?.socketPath) {
    await app.listen({ path: listen.socketPath });
  } else if (listen) {
    await app.listen(listen.port, listen.host);
    url = `http://${listen.host.includes(':') ? `[${listen.host}]` : listen.host}:${new URL(await app.getUrl()).port}`;
  } else {
    await app.init();
  }
  return {
    health: context.health,
    url,
    close: async () => {
      context.health.stop();
      await Promise.race([app.close(), new Promise<void>((resolve) => setTimeout(resolve, CLOSE_DEADLINE_MS).unref())]);
    },
  };
}

/** The module with the context's parts as providers that everything inside it can inject. */
function withContext(context: ServiceContext, module: DynamicModule): DynamicModule {
  const parts = [
    { provide: BUS, useValue: context.bus },
    { provide: LOGGER, useValue: context.logger },
    { provide: HEALTH, useValue: context.health },
    { provide: CLOCK, useValue: context.clock },
    { provide: KEY_FILES, useValue: context.keyFiles },
  ];
  return { ...module, providers: [...parts, ...(module.providers ?? [])] };
}
