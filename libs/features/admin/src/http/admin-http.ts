import { ERRORS, GatewayError, type Rpc } from '@mcpgw/contracts';
import type { Bus } from '@mcpgw/platform-bus';
import type { Clock, Health, Logger } from '@mcpgw/platform-runtime';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import type { AdminConfig } from '../config.js';
import { API } from '../routes/table.js';
import { ServerViews } from '../server-views.js';
import { AllowedHosts } from './allowed-hosts.js';
import { invalidInput, renderFault } from './fault.js';
import { frontPage } from './front-page.js';
import { openApi } from './openapi.js';
import { Operators } from './operators.js';
import type { AdminPorts, Route } from './route.js';

export interface AdminParts {
  readonly config: Pick<AdminConfig, 'adminAllowedHosts' | 'adminMaxBodyBytes'>;
  readonly bus: Bus;
  readonly health: Health;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The two routes that orchestrators ask without a token. Everything else, also what doesn't exist, needs one. */
const PUBLIC = new Set(['/healthz', '/readyz']);

/** Puts the management API on a Fastify instance. */
export function mountAdmin(instance: FastifyInstance, parts: AdminParts): void {
  const hosts = new AllowedHosts(parts.config.adminAllowedHosts);
  const operators = new Operators(parts.bus, parts.clock);
  const operatorOf = new WeakMap<FastifyRequest, string>();
  const ports: AdminPorts = { health: parts.health, servers: new ServerViews(parts.bus) };

  void instance.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    // 'error': a body with __proto__ or constructor.prototype is refused, not cleaned.
    scope.addContentTypeParser('application/json', { parseAs: 'string', bodyLimit: parts.config.adminMaxBodyBytes }, scope.getDefaultJsonParser('error', 'error'));
    scope.addHook('onRequest', async (request, reply) => {
      void reply.headers({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' });
      hosts.check(request.headers);
      if (!PUBLIC.has(request.routeOptions.url ?? '')) operatorOf.set(request, await operators.authenticate(request.headers.authorization));
    });
    scope.setErrorHandler((thrown, request, reply) => sendFault(thrown, request, reply, parts.logger));
    for (const route of API) {
      scope.route({
        method: route.method,
        url: route.match ?? route.path.replace(/\{(\w+)\}/g, ':$1'),
        handler: async (request, reply) => {
          const operator = operatorOf.get(request) ?? '';
          const value = await run(route, request, reply, operator, parts.bus, ports);
          if (route.method !== 'GET') parts.logger.info({ operator, method: route.method, path: route.path, params: request.params }, 'operator request');
          return reply.send(value);
        },
      });
    }
    mountDocuments(scope, parts.health);
  });
}

function mountDocuments(scope: FastifyInstance, health: Health): void {
  const document = JSON.stringify(openApi(API));
  scope.get('/api/openapi.json', (_request, reply) => reply.type('application/json; charset=utf-8').send(document));
  scope.get('/', (_request, reply) => reply.type('text/html; charset=utf-8').header('content-security-policy', "default-src 'none'; style-src 'unsafe-inline'").send(frontPage));
  scope.get('/healthz', (_request, reply) => reply.send({ status: 'alive' }));
  scope.get('/readyz', (_request, reply) => {
    const { ready, problems } = health.status();
    return reply.code(ready ? 200 : 503).send({ ready, problems });
  });
  scope.all('/*', () => {
    throw new GatewayError('not_found', 'The management API has no such route. GET /api/openapi.json lists all of them.');
  });
}

async function run(route: Route, request: FastifyRequest, reply: FastifyReply, operator: string, bus: Bus, ports: AdminPorts): Promise<unknown> {
  const gone = new AbortController();
  const onClose = (): void => gone.abort();
  reply.raw.once('close', onClose);
  const ask = <Request, Reply>(message: Rpc<Request, Reply>, payload: Request, timeoutMs?: number): Promise<Reply> =>
    bus.request(message, payload, { signal: gone.signal, ...(timeoutMs === undefined ? {} : { timeoutMs }) });
  const params = parse(route.params, request.params, 'The path');
  const query = parse(route.query, request.query, 'The query');
  const body = parse(route.body, request.body, 'The body');
  try {
    return await route.handle({ params, query, body, operator, ask }, ports);
  } finally {
    reply.raw.off('close', onClose);
  }
}

function parse(schema: z.ZodType | undefined, value: unknown, what: string): unknown {
  if (!schema) return undefined;
  const parsed = schema.safeParse(value ?? undefined);
  if (!parsed.success) throw invalidInput(what, parsed.error);
  return parsed.data;
}

function sendFault(thrown: unknown, request: FastifyRequest, reply: FastifyReply, logger: Logger): FastifyReply {
  const { status, fault, body } = renderFault(thrown);
  logger[ERRORS[fault.code].level]({ method: request.method, path: request.routeOptions.url, code: fault.code, ...(fault.code === 'internal' ? { err: fault.cause } : {}) }, 'refused');
  if (status === 401) void reply.header('www-authenticate', 'Bearer realm="mcpgw operator"');
  return reply.code(status).type('application/json; charset=utf-8').send(body);
}
