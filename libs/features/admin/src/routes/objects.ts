import {
  applyResult,
  consumerConfig,
  GatewayError,
  limitConfig,
  organizationName,
  registryDelete,
  registryExport,
  registryPut,
  roleConfig,
  routeConfig,
  serverConfig,
  type Rpc,
} from '@mcpgw/contracts';
import { z } from 'zod';
import { route, type Route } from '../http/route.js';

type PutRequest = typeof registryPut extends Rpc<infer Request, unknown> ? Request : never;
type ObjectKind = PutRequest['kind'];
interface Named {
  readonly organization: string;
  readonly name: string;
}

const inPath = z.object({ organization: organizationName, name: z.string().min(1).max(128) });

/** List, read, put and delete of one kind of object. Servers have lists of their own, with their health. */
function objectRoutes<Value extends Named>(kind: ObjectKind, singular: string, schema: z.ZodType<Value>, put: (actor: string, value: Value) => PutRequest): readonly Route[] {
  const path = `/api/v1/organizations/{organization}/${kind}/{name}`;
  return [
    ...(kind === 'servers' ? [] : readRoutes(kind, singular, schema, path)),
    route({
      method: 'PUT',
      path,
      tag: kind,
      summary: `Adds or replaces a ${singular}; nothing else is touched.`,
      params: inPath,
      body: schema,
      reply: applyResult,
      handle: ({ ask, operator, params, body }) => {
        mustMatch(singular, params, body);
        return ask(registryPut, put(operator, body));
      },
    }),
    route({
      method: 'DELETE',
      path,
      tag: kind,
      summary: `Deletes a ${singular}.`,
      params: inPath,
      reply: applyResult,
      handle: ({ ask, operator, params }) => ask(registryDelete, { actor: operator, kind, organization: params.organization, name: params.name }),
    }),
  ];
}

function readRoutes<Value extends Named>(kind: Exclude<ObjectKind, 'servers'>, singular: string, schema: z.ZodType<Value>, path: string): readonly Route[] {
  return [
    route({
      method: 'GET',
      path: `/api/v1/${kind}`,
      tag: kind,
      summary: `All ${kind}.`,
      query: z.object({ organization: organizationName.optional() }),
      reply: z.object({ [kind]: z.array(schema) }),
      handle: async ({ ask, query }) => ({ [kind]: (await ask(registryExport, query))[kind] as unknown as Value[] }),
    }),
    route({
      method: 'GET',
      path,
      tag: kind,
      summary: `One ${singular}.`,
      params: inPath,
      reply: schema,
      handle: async ({ ask, params }) => {
        const list = (await ask(registryExport, { organization: params.organization }))[kind] as unknown as readonly Value[];
        const found = list.find((value) => value.name === params.name);
        if (!found) throw new GatewayError('not_found', `There is no ${singular} "${params.name}" in the organization "${params.organization}". GET /api/v1/${kind} lists them.`);
        return found;
      },
    }),
  ];
}

function mustMatch(singular: string, params: Named, body: Named): void {
  for (const field of ['organization', 'name'] as const) {
    if (body[field] !== params[field]) {
      throw new GatewayError('invalid_params', `The body's ${field} "${body[field]}" is not the path's "${params[field]}". Put the ${singular} under its own path.`);
    }
  }
}

export const objectsRoutes: readonly Route[] = [
  ...objectRoutes('servers', 'server', serverConfig, (actor, value) => ({ actor, kind: 'servers', value })),
  ...objectRoutes('consumers', 'consumer', consumerConfig, (actor, value) => ({ actor, kind: 'consumers', value })),
  ...objectRoutes('roles', 'role', roleConfig, (actor, value) => ({ actor, kind: 'roles', value })),
  ...objectRoutes('routes', 'route', routeConfig, (actor, value) => ({ actor, kind: 'routes', value })),
  ...objectRoutes('limits', 'limit', limitConfig, (actor, value) => ({ actor, kind: 'limits', value })),
];
