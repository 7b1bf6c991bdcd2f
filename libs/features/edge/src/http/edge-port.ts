import type { Socket } from 'node:net';
import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';
import { toGatewayError } from '@mcpgw/contracts';
import { HEALTH, type Health } from '@mcpgw/platform-runtime';
import { refuse } from '../call-tool/refusal.js';
import { EDGE_CONFIG, type EdgeConfig } from '../edge.config.js';
import { allowReading } from './cors.js';
import { Guard } from './guard.js';
import { McpRoutes } from './mcp-routes.js';

/** For the whole of a request and for its headers: a client that sends a byte a minute must not hold a connection for ever. */
const REQUEST_TIMEOUT_MS = 60_000;
const HEADERS_TIMEOUT_MS = 20_000;

/** The edge's port: raw Fastify routes, no Nest guard or interceptor on the way of a call; the Host and Origin guard on all of it. */
@Injectable()
export class EdgePort implements OnModuleInit, OnApplicationBootstrap {
  private readonly guard: Guard;

  constructor(
    private readonly adapterHost: HttpAdapterHost,
    @Inject(EDGE_CONFIG) config: EdgeConfig,
    @Inject(HEALTH) private readonly health: Health,
    private readonly mcp: McpRoutes,
  ) {
    this.guard = new Guard(config.edgeAllowedHosts, config.edgeAllowedOrigins);
  }

  async onModuleInit(): Promise<void> {
    const instance = this.adapterHost.httpAdapter.getInstance<FastifyInstance>();
    // With a callback: an async hook would cost each request a promise.
    instance.addHook('onRequest', (request, reply, next) => {
      const fault = this.guard.fault(request.raw);
      if (!fault) {
        const { origin } = request.headers;
        if (origin !== undefined) allowReading(reply.raw, origin);
        return next();
      }
      this.mcp.refuse(request, reply, refuse(null, fault.code, fault.message)).catch((thrown: unknown) => next(toGatewayError(thrown)));
    });
    await instance.register(async (scope) => {
      this.mcp.register(scope);
      this.probes(scope);
    });
  }

  onApplicationBootstrap(): void {
    const { server } = this.adapterHost.httpAdapter.getInstance<FastifyInstance>();
    server.requestTimeout = REQUEST_TIMEOUT_MS;
    server.headersTimeout = HEADERS_TIMEOUT_MS;
    server.removeAllListeners('clientError');
    server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => void this.mcp.malformed(error, socket));
  }

  private probes(scope: FastifyInstance): void {
    scope.get('/healthz', (_request, reply) => reply.send({ status: 'ok' }));
    scope.get('/readyz', (_request, reply) => {
      const { ready, problems } = this.health.status();
      return reply.code(ready ? 200 : 503).send({ ready, waitingFor: ready ? [] : problems.map(({ component, message }) => ({ component, message })) });
    });
  }
}
