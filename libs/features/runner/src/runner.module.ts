import type { Bus } from '@mcpgw/platform-bus';
import { BUS, CLOCK, HEALTH, KEY_FILES, LOGGER, type Clock, type Health, type KeyFiles, type Logger } from '@mcpgw/platform-runtime';
import { Inject, Module, type DynamicModule, type OnModuleDestroy } from '@nestjs/common';
import type { RunnerConfig } from './runner.config.js';
import { RunnerController } from './runner.controller.js';
import { RunnerParts } from './runner.parts.js';

/** Runs stdio servers in sandboxes and serves `runner.v1.*`. Ready at once: the sandbox is tried out in the background. */
@Module({})
export class RunnerModule implements OnModuleDestroy {
  constructor(@Inject(RunnerParts) private readonly parts: RunnerParts) {}

  static forRoot(config: RunnerConfig): DynamicModule {
    const parts = {
      provide: RunnerParts,
      inject: [BUS, KEY_FILES, CLOCK, HEALTH, LOGGER],
      useFactory: (bus: Bus, keyFiles: KeyFiles, clock: Clock, health: Health, logger: Logger) => new RunnerParts(config, bus, keyFiles, clock, health, logger),
    };
    return { module: RunnerModule, controllers: [RunnerController], providers: [parts] };
  }

  onModuleDestroy(): Promise<void> {
    return this.parts.close();
  }
}
