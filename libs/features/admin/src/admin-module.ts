import { Inject, Injectable, Module, type DynamicModule, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { Bus } from '@mcpgw/platform-bus';
import { BUS, CLOCK, HEALTH, LOGGER, type Clock, type Health, type Logger } from '@mcpgw/platform-runtime';
import type { FastifyInstance } from 'fastify';
import type { AdminConfig } from './config.js';
import { mountAdmin, type AdminParts } from './http/admin-http.js';

const PARTS = Symbol('AdminParts');

/** Mounts the API on the HTTP server of the application that the module is part of. It waits for no other service: one that is away is said so in each answer. */
@Injectable()
class AdminServer implements OnModuleInit {
  constructor(
    private readonly host: HttpAdapterHost,
    @Inject(PARTS) private readonly parts: AdminParts,
  ) {}

  onModuleInit(): void {
    mountAdmin(this.host.httpAdapter.getInstance() as FastifyInstance, this.parts);
  }
}

@Module({})
export class AdminModule {
  static forRoot(config: AdminConfig): DynamicModule {
    return {
      module: AdminModule,
      providers: [
        {
          provide: PARTS,
          inject: [BUS, HEALTH, CLOCK, LOGGER],
          useFactory: (bus: Bus, health: Health, clock: Clock, logger: Logger): AdminParts => ({ config, bus, health, clock, logger }),
        },
        AdminServer,
      ],
    };
  }
}
