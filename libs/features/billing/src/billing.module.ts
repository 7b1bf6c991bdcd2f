import type { Bus } from '@mcpgw/platform-bus';
import { BUS, CLOCK, HEALTH, LOGGER, type Clock, type Health, type Logger } from '@mcpgw/platform-runtime';
import type { DynamicModule } from '@nestjs/common';
import { BillingController } from './billing.controller.js';
import { BillingService } from './billing.service.js';
import type { BillingConfig } from './config.js';

export class BillingModule {
  static forRoot(config: BillingConfig): DynamicModule {
    return {
      module: BillingModule,
      controllers: [BillingController],
      providers: [
        {
          provide: BillingService,
          inject: [BUS, LOGGER, HEALTH, CLOCK],
          useFactory: (bus: Bus, logger: Logger, health: Health, clock: Clock) => new BillingService(config, bus, logger, health, clock),
        },
      ],
    };
  }
}
